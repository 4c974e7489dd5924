"""Field arithmetic mod 2^255 - 19 in viper. GENERATED: do not edit.

Regenerate with `python -m truewatt.cryptogen`; the design and its bounds are in `docs/crypto.md`.

Registers are rows of 20 limbs of 13 bits, each in 16 bits of one array; the first
four are scratch, 40 columns of 32 bits.
A program is bytes: (operation, destination, first, second) four at a time, ended by 0.
1: product; 2: first squared, `second` times over; 3: sum;
4: difference; 5: sum left uncarried.
No branch and no address depends on a limb: the program alone decides both.
"""

# ruff: noqa: F821  (viper's pointer types)
import micropython


@micropython.viper
def run(x: int, c: ptr32, program: ptr8):  # noqa: C901
    """Run `program` `x` times over the registers at `c`.

    Viper keeps the first two locals in machine registers, hence the odd names: they become the
    multiplier or carry, and the pointer to the columns, of the unrolled code.
    """
    times = x
    base = int(c)
    while times > 0:
        times -= 1
        pc = 0
        op = program[0]
        while op != 0:
            n = program[pc + 3]
            to = base + program[pc + 1] * 40
            a = ptr16(base + program[pc + 2] * 40)
            b = ptr16(base + n * 40)
            if op <= 2:
                if op == 1:
                    n = 1
                while n > 0:
                    n -= 1
                    c = ptr32(base)
                    last = base + 80
                    if op == 1:
                        b0 = b[0]
                        b1 = b[1]
                        b2 = b[2]
                        b3 = b[3]
                        b4 = b[4]
                        b5 = b[5]
                        b6 = b[6]
                        b7 = b[7]
                        b8 = b[8]
                        b9 = b[9]
                        b10 = b[10]
                        b11 = b[11]
                        b12 = b[12]
                        b13 = b[13]
                        b14 = b[14]
                        b15 = b[15]
                        b16 = b[16]
                        b17 = b[17]
                        b18 = b[18]
                        b19 = b[19]
                        c[0] = 0
                        c[1] = 0
                        c[2] = 0
                        c[3] = 0
                        c[4] = 0
                        c[5] = 0
                        c[6] = 0
                        c[7] = 0
                        c[8] = 0
                        c[9] = 0
                        c[10] = 0
                        c[11] = 0
                        c[12] = 0
                        c[13] = 0
                        c[14] = 0
                        c[15] = 0
                        c[16] = 0
                        c[17] = 0
                        c[18] = 0
                        # Row by row: columns += the second operand * one limb of the first.
                        while int(c) != last:
                            x = a[0]
                            c[0] = b0 * x + c[0]
                            c[1] = b1 * x + c[1]
                            c[2] = b2 * x + c[2]
                            c[3] = b3 * x + c[3]
                            c[4] = b4 * x + c[4]
                            c[5] = b5 * x + c[5]
                            c[6] = b6 * x + c[6]
                            c[7] = b7 * x + c[7]
                            c[8] = b8 * x + c[8]
                            c[9] = b9 * x + c[9]
                            c[10] = b10 * x + c[10]
                            c[11] = b11 * x + c[11]
                            c[12] = b12 * x + c[12]
                            c[13] = b13 * x + c[13]
                            c[14] = b14 * x + c[14]
                            c[15] = b15 * x + c[15]
                            c[16] = b16 * x + c[16]
                            c[17] = b17 * x + c[17]
                            c[18] = b18 * x + c[18]
                            c[19] = b19 * x
                            x = a[1]
                            c[1] = b0 * x + c[1]
                            c[2] = b1 * x + c[2]
                            c[3] = b2 * x + c[3]
                            c[4] = b3 * x + c[4]
                            c[5] = b4 * x + c[5]
                            c[6] = b5 * x + c[6]
                            c[7] = b6 * x + c[7]
                            c[8] = b7 * x + c[8]
                            c[9] = b8 * x + c[9]
                            c[10] = b9 * x + c[10]
                            c[11] = b10 * x + c[11]
                            c[12] = b11 * x + c[12]
                            c[13] = b12 * x + c[13]
                            c[14] = b13 * x + c[14]
                            c[15] = b14 * x + c[15]
                            c[16] = b15 * x + c[16]
                            c[17] = b16 * x + c[17]
                            c[18] = b17 * x + c[18]
                            c[19] = b18 * x + c[19]
                            c[20] = b19 * x
                            a = ptr16(int(a) + 4)
                            c = ptr32(int(c) + 8)
                    else:
                        # The squares of both halves, then twice their product, row by row.
                        b = a
                        while int(c) != last + 80:
                            b0 = b[0]
                            b1 = b[1]
                            b2 = b[2]
                            b3 = b[3]
                            b4 = b[4]
                            b5 = b[5]
                            b6 = b[6]
                            b7 = b[7]
                            b8 = b[8]
                            b9 = b[9]
                            x = b0
                            c[0] = b0 * x
                            x = x + x
                            c[1] = b1 * x
                            c[2] = b2 * x
                            c[3] = b3 * x
                            c[4] = b4 * x
                            c[5] = b5 * x
                            c[6] = b6 * x
                            c[7] = b7 * x
                            c[8] = b8 * x
                            c[9] = b9 * x
                            x = b1
                            c[2] = b1 * x + c[2]
                            x = x + x
                            c[3] = b2 * x + c[3]
                            c[4] = b3 * x + c[4]
                            c[5] = b4 * x + c[5]
                            c[6] = b5 * x + c[6]
                            c[7] = b6 * x + c[7]
                            c[8] = b7 * x + c[8]
                            c[9] = b8 * x + c[9]
                            c[10] = b9 * x
                            x = b2
                            c[4] = b2 * x + c[4]
                            x = x + x
                            c[5] = b3 * x + c[5]
                            c[6] = b4 * x + c[6]
                            c[7] = b5 * x + c[7]
                            c[8] = b6 * x + c[8]
                            c[9] = b7 * x + c[9]
                            c[10] = b8 * x + c[10]
                            c[11] = b9 * x
                            x = b3
                            c[6] = b3 * x + c[6]
                            x = x + x
                            c[7] = b4 * x + c[7]
                            c[8] = b5 * x + c[8]
                            c[9] = b6 * x + c[9]
                            c[10] = b7 * x + c[10]
                            c[11] = b8 * x + c[11]
                            c[12] = b9 * x
                            x = b4
                            c[8] = b4 * x + c[8]
                            x = x + x
                            c[9] = b5 * x + c[9]
                            c[10] = b6 * x + c[10]
                            c[11] = b7 * x + c[11]
                            c[12] = b8 * x + c[12]
                            c[13] = b9 * x
                            x = b5
                            c[10] = b5 * x + c[10]
                            x = x + x
                            c[11] = b6 * x + c[11]
                            c[12] = b7 * x + c[12]
                            c[13] = b8 * x + c[13]
                            c[14] = b9 * x
                            x = b6
                            c[12] = b6 * x + c[12]
                            x = x + x
                            c[13] = b7 * x + c[13]
                            c[14] = b8 * x + c[14]
                            c[15] = b9 * x
                            x = b7
                            c[14] = b7 * x + c[14]
                            x = x + x
                            c[15] = b8 * x + c[15]
                            c[16] = b9 * x
                            x = b8
                            c[16] = b8 * x + c[16]
                            x = x + x
                            c[17] = b9 * x
                            x = b9
                            c[18] = b9 * x
                            b = ptr16(int(b) + 20)
                            c = ptr32(int(c) + 80)
                        c = ptr32(base + 40)
                        c[9] = 0
                        while int(c) != last:
                            x = a[0]
                            x = x + x
                            c[0] = b0 * x + c[0]
                            c[1] = b1 * x + c[1]
                            c[2] = b2 * x + c[2]
                            c[3] = b3 * x + c[3]
                            c[4] = b4 * x + c[4]
                            c[5] = b5 * x + c[5]
                            c[6] = b6 * x + c[6]
                            c[7] = b7 * x + c[7]
                            c[8] = b8 * x + c[8]
                            c[9] = b9 * x + c[9]
                            x = a[1]
                            x = x + x
                            c[1] = b0 * x + c[1]
                            c[2] = b1 * x + c[2]
                            c[3] = b2 * x + c[3]
                            c[4] = b3 * x + c[4]
                            c[5] = b4 * x + c[5]
                            c[6] = b5 * x + c[6]
                            c[7] = b6 * x + c[7]
                            c[8] = b7 * x + c[8]
                            c[9] = b8 * x + c[9]
                            c[10] = b9 * x + c[10]
                            a = ptr16(int(a) + 4)
                            c = ptr32(int(c) + 8)
                    # Carry the high columns; the highest keeps what is above it.
                    c[19] = 0
                    last = base + 160
                    x = 0
                    while int(c) != last:
                        x = c[0] + x
                        c[0] = x & 8191
                        x = int(uint(x) >> 13)
                        x = c[1] + x
                        c[1] = x & 8191
                        x = int(uint(x) >> 13)
                        x = c[2] + x
                        c[2] = x & 8191
                        x = int(uint(x) >> 13)
                        x = c[3] + x
                        c[3] = x & 8191
                        x = int(uint(x) >> 13)
                        x = c[4] + x
                        c[4] = x & 8191
                        x = int(uint(x) >> 13)
                        c = ptr32(int(c) + 20)
                    c = ptr32(base)
                    c[39] = (x << 13) + c[39]
                    # Fold them by 608 into the low ones, carry those, fold the last carry.
                    last = base + 80
                    b = ptr16(to)
                    x = 0
                    while int(c) != last:
                        x = c[20] * 608 + x
                        x = c[0] + x
                        b[0] = x & 8191
                        x = int(uint(x) >> 13)
                        x = c[21] * 608 + x
                        x = c[1] + x
                        b[1] = x & 8191
                        x = int(uint(x) >> 13)
                        x = c[22] * 608 + x
                        x = c[2] + x
                        b[2] = x & 8191
                        x = int(uint(x) >> 13)
                        x = c[23] * 608 + x
                        x = c[3] + x
                        b[3] = x & 8191
                        x = int(uint(x) >> 13)
                        x = c[24] * 608 + x
                        x = c[4] + x
                        b[4] = x & 8191
                        x = int(uint(x) >> 13)
                        b = ptr16(int(b) + 10)
                        c = ptr32(int(c) + 20)
                    a = ptr16(to)
                    x = x * 608 + a[0]
                    a[0] = x & 8191
                    x = (x >> 13) + a[1]
                    a[1] = x & 8191
                    a[2] = (x >> 13) + a[2]
            else:
                d = ptr16(to)
                last = to + 40
                x = 0
                if op == 4:
                    x = -1214
                while int(d) != last:
                    if op == 3:
                        x = a[0] + x
                        x = b[0] + x
                        d[0] = x & 8191
                        x = x >> 13
                        x = a[1] + x
                        x = b[1] + x
                        d[1] = x & 8191
                        x = x >> 13
                        x = a[2] + x
                        x = b[2] + x
                        d[2] = x & 8191
                        x = x >> 13
                        x = a[3] + x
                        x = b[3] + x
                        d[3] = x & 8191
                        x = x >> 13
                        x = a[4] + x
                        x = b[4] + x
                        d[4] = x & 8191
                        x = x >> 13
                    elif op == 4:
                        x = a[0] + x
                        x = x - b[0] + 16382
                        d[0] = x & 8191
                        x = x >> 13
                        x = a[1] + x
                        x = x - b[1] + 16382
                        d[1] = x & 8191
                        x = x >> 13
                        x = a[2] + x
                        x = x - b[2] + 16382
                        d[2] = x & 8191
                        x = x >> 13
                        x = a[3] + x
                        x = x - b[3] + 16382
                        d[3] = x & 8191
                        x = x >> 13
                        x = a[4] + x
                        x = x - b[4] + 16382
                        d[4] = x & 8191
                        x = x >> 13
                    else:
                        d[0] = a[0] + b[0]
                        d[1] = a[1] + b[1]
                        d[2] = a[2] + b[2]
                        d[3] = a[3] + b[3]
                        d[4] = a[4] + b[4]
                    a = ptr16(int(a) + 10)
                    b = ptr16(int(b) + 10)
                    d = ptr16(int(d) + 10)
                d = ptr16(to)
                d[0] = x * 608 + d[0]
            pc += 4
            op = program[pc]
