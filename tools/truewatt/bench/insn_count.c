/* Instruction counter for qemu-user (TCG plugin API).
 *
 * Counts every guest instruction executed and prints the running total to the
 * host's stderr on each guest write() to file descriptor 3, and at exit.
 * A guest program therefore marks an instant by one write() to descriptor 3,
 * which the host has opened on /dev/null.
 *
 * Debian 12's qemu-user has no plugin header package, so the handful of
 * prototypes used are declared here; they have kept their form since QEMU 5.
 * API_VERSION is given by the build, because QEMU refuses versions it dropped.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdint.h>

typedef uint64_t plugin_id;
struct plugin_tb;
enum { CB_NO_REGS = 0 };
enum { MARK_FD = 3, ARM_SYS_WRITE = 4 };

extern size_t qemu_plugin_tb_n_insns(const struct plugin_tb *tb);
extern void qemu_plugin_register_vcpu_tb_trans_cb(
    plugin_id id, void (*cb)(plugin_id, struct plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(
    struct plugin_tb *tb, void (*cb)(unsigned int, void *), int flags, void *data);
extern void qemu_plugin_register_vcpu_syscall_cb(
    plugin_id id,
    void (*cb)(plugin_id, unsigned int, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
               uint64_t, uint64_t, uint64_t, uint64_t));
extern void qemu_plugin_register_atexit_cb(
    plugin_id id, void (*cb)(plugin_id, void *), void *data);

__attribute__((visibility("default"))) int qemu_plugin_version = API_VERSION;

static uint64_t executed;

static void on_block(unsigned int vcpu, void *n_insns)
{
    (void)vcpu;
    executed += (uintptr_t)n_insns;
}

static void on_translate(plugin_id id, struct plugin_tb *tb)
{
    (void)id;
    uintptr_t n = qemu_plugin_tb_n_insns(tb);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, CB_NO_REGS, (void *)n);
}

static void on_syscall(plugin_id id, unsigned int vcpu, int64_t number, uint64_t fd, uint64_t a2,
                       uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)vcpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number == ARM_SYS_WRITE && fd == MARK_FD)
        fprintf(stderr, "mark %" PRIu64 "\n", executed);
}

static void at_exit(plugin_id id, void *data)
{
    (void)id, (void)data;
    fprintf(stderr, "total %" PRIu64 "\n", executed);
}

__attribute__((visibility("default"))) int qemu_plugin_install(
    plugin_id id, const void *info, int argc, char **argv)
{
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
