"""Field arithmetic mod 2^255 - 19 in viper. GENERATED: do not edit.

Regenerate with `python -m truewatt.cryptogen`; the design and its bounds are in `docs/crypto.md`.

Registers are rows of 20 words of 13 bits in one array of 32-bit words. A program is
bytes: (operation, destination, first, second) four at a time, ended by 0.
1: product; 2: first squared, `second` times over; 3: sum; 4: difference.
No branch and no address depends on a limb: the program alone decides both.
"""

# ruff: noqa: E702, F821
# fmt: off
import micropython


@micropython.viper
def run(s: int, x: int, program: ptr8, registers: ptr32):
    """Run `program` `s` times over `registers`; `x` is ignored.

    Viper keeps the first two locals in machine registers, hence the odd order and names:
    they become the accumulator and the multiplier of the unrolled code.
    """
    times = s
    base = int(registers)
    while times > 0:
        times -= 1
        pc = 0
        op = program[0]
        while op != 0:
            n = program[pc + 3]
            d = ptr32(base + program[pc + 1] * 80)
            a = ptr32(base + program[pc + 2] * 80)
            b = ptr32(base + n * 80)
            if op == 1:
                a0 = a[0]; b0 = b[0]
                a1 = a[1]; b1 = b[1]
                a2 = a[2]; b2 = b[2]
                a3 = a[3]; b3 = b[3]
                a4 = a[4]; b4 = b[4]
                a5 = a[5]; b5 = b[5]
                a6 = a[6]; b6 = b[6]
                a7 = a[7]; b7 = b[7]
                a8 = a[8]; b8 = b[8]
                a9 = a[9]; b9 = b[9]
                a10 = a[10]; b10 = b[10]
                a11 = a[11]; b11 = b[11]
                a12 = a[12]; b12 = b[12]
                a13 = a[13]; b13 = b[13]
                a14 = a[14]; b14 = b[14]
                a15 = a[15]; b15 = b[15]
                a16 = a[16]; b16 = b[16]
                a17 = a[17]; b17 = b[17]
                a18 = a[18]; b18 = b[18]
                a19 = a[19]; b19 = b[19]
                s = 0
                x = a1; s = b19 * x + s
                x = a2; s = b18 * x + s
                x = a3; s = b17 * x + s
                x = a4; s = b16 * x + s
                x = a5; s = b15 * x + s
                x = a6; s = b14 * x + s
                x = a7; s = b13 * x + s
                x = a8; s = b12 * x + s
                x = a9; s = b11 * x + s
                x = a10; s = b10 * x + s
                x = a11; s = b9 * x + s
                x = a12; s = b8 * x + s
                x = a13; s = b7 * x + s
                x = a14; s = b6 * x + s
                x = a15; s = b5 * x + s
                x = a16; s = b4 * x + s
                x = a17; s = b3 * x + s
                x = a18; s = b2 * x + s
                x = a19; s = b1 * x + s
                h0 = s & 8191; s = int(uint(s) >> 13)
                x = a2; s = b19 * x + s
                x = a3; s = b18 * x + s
                x = a4; s = b17 * x + s
                x = a5; s = b16 * x + s
                x = a6; s = b15 * x + s
                x = a7; s = b14 * x + s
                x = a8; s = b13 * x + s
                x = a9; s = b12 * x + s
                x = a10; s = b11 * x + s
                x = a11; s = b10 * x + s
                x = a12; s = b9 * x + s
                x = a13; s = b8 * x + s
                x = a14; s = b7 * x + s
                x = a15; s = b6 * x + s
                x = a16; s = b5 * x + s
                x = a17; s = b4 * x + s
                x = a18; s = b3 * x + s
                x = a19; s = b2 * x + s
                h1 = s & 8191; s = int(uint(s) >> 13)
                x = a3; s = b19 * x + s
                x = a4; s = b18 * x + s
                x = a5; s = b17 * x + s
                x = a6; s = b16 * x + s
                x = a7; s = b15 * x + s
                x = a8; s = b14 * x + s
                x = a9; s = b13 * x + s
                x = a10; s = b12 * x + s
                x = a11; s = b11 * x + s
                x = a12; s = b10 * x + s
                x = a13; s = b9 * x + s
                x = a14; s = b8 * x + s
                x = a15; s = b7 * x + s
                x = a16; s = b6 * x + s
                x = a17; s = b5 * x + s
                x = a18; s = b4 * x + s
                x = a19; s = b3 * x + s
                h2 = s & 8191; s = int(uint(s) >> 13)
                x = a4; s = b19 * x + s
                x = a5; s = b18 * x + s
                x = a6; s = b17 * x + s
                x = a7; s = b16 * x + s
                x = a8; s = b15 * x + s
                x = a9; s = b14 * x + s
                x = a10; s = b13 * x + s
                x = a11; s = b12 * x + s
                x = a12; s = b11 * x + s
                x = a13; s = b10 * x + s
                x = a14; s = b9 * x + s
                x = a15; s = b8 * x + s
                x = a16; s = b7 * x + s
                x = a17; s = b6 * x + s
                x = a18; s = b5 * x + s
                x = a19; s = b4 * x + s
                h3 = s & 8191; s = int(uint(s) >> 13)
                x = a5; s = b19 * x + s
                x = a6; s = b18 * x + s
                x = a7; s = b17 * x + s
                x = a8; s = b16 * x + s
                x = a9; s = b15 * x + s
                x = a10; s = b14 * x + s
                x = a11; s = b13 * x + s
                x = a12; s = b12 * x + s
                x = a13; s = b11 * x + s
                x = a14; s = b10 * x + s
                x = a15; s = b9 * x + s
                x = a16; s = b8 * x + s
                x = a17; s = b7 * x + s
                x = a18; s = b6 * x + s
                x = a19; s = b5 * x + s
                h4 = s & 8191; s = int(uint(s) >> 13)
                x = a6; s = b19 * x + s
                x = a7; s = b18 * x + s
                x = a8; s = b17 * x + s
                x = a9; s = b16 * x + s
                x = a10; s = b15 * x + s
                x = a11; s = b14 * x + s
                x = a12; s = b13 * x + s
                x = a13; s = b12 * x + s
                x = a14; s = b11 * x + s
                x = a15; s = b10 * x + s
                x = a16; s = b9 * x + s
                x = a17; s = b8 * x + s
                x = a18; s = b7 * x + s
                x = a19; s = b6 * x + s
                h5 = s & 8191; s = int(uint(s) >> 13)
                x = a7; s = b19 * x + s
                x = a8; s = b18 * x + s
                x = a9; s = b17 * x + s
                x = a10; s = b16 * x + s
                x = a11; s = b15 * x + s
                x = a12; s = b14 * x + s
                x = a13; s = b13 * x + s
                x = a14; s = b12 * x + s
                x = a15; s = b11 * x + s
                x = a16; s = b10 * x + s
                x = a17; s = b9 * x + s
                x = a18; s = b8 * x + s
                x = a19; s = b7 * x + s
                h6 = s & 8191; s = int(uint(s) >> 13)
                x = a8; s = b19 * x + s
                x = a9; s = b18 * x + s
                x = a10; s = b17 * x + s
                x = a11; s = b16 * x + s
                x = a12; s = b15 * x + s
                x = a13; s = b14 * x + s
                x = a14; s = b13 * x + s
                x = a15; s = b12 * x + s
                x = a16; s = b11 * x + s
                x = a17; s = b10 * x + s
                x = a18; s = b9 * x + s
                x = a19; s = b8 * x + s
                h7 = s & 8191; s = int(uint(s) >> 13)
                x = a9; s = b19 * x + s
                x = a10; s = b18 * x + s
                x = a11; s = b17 * x + s
                x = a12; s = b16 * x + s
                x = a13; s = b15 * x + s
                x = a14; s = b14 * x + s
                x = a15; s = b13 * x + s
                x = a16; s = b12 * x + s
                x = a17; s = b11 * x + s
                x = a18; s = b10 * x + s
                x = a19; s = b9 * x + s
                h8 = s & 8191; s = int(uint(s) >> 13)
                x = a10; s = b19 * x + s
                x = a11; s = b18 * x + s
                x = a12; s = b17 * x + s
                x = a13; s = b16 * x + s
                x = a14; s = b15 * x + s
                x = a15; s = b14 * x + s
                x = a16; s = b13 * x + s
                x = a17; s = b12 * x + s
                x = a18; s = b11 * x + s
                x = a19; s = b10 * x + s
                h9 = s & 8191; s = int(uint(s) >> 13)
                x = a11; s = b19 * x + s
                x = a12; s = b18 * x + s
                x = a13; s = b17 * x + s
                x = a14; s = b16 * x + s
                x = a15; s = b15 * x + s
                x = a16; s = b14 * x + s
                x = a17; s = b13 * x + s
                x = a18; s = b12 * x + s
                x = a19; s = b11 * x + s
                h10 = s & 8191; s = int(uint(s) >> 13)
                x = a12; s = b19 * x + s
                x = a13; s = b18 * x + s
                x = a14; s = b17 * x + s
                x = a15; s = b16 * x + s
                x = a16; s = b15 * x + s
                x = a17; s = b14 * x + s
                x = a18; s = b13 * x + s
                x = a19; s = b12 * x + s
                h11 = s & 8191; s = int(uint(s) >> 13)
                x = a13; s = b19 * x + s
                x = a14; s = b18 * x + s
                x = a15; s = b17 * x + s
                x = a16; s = b16 * x + s
                x = a17; s = b15 * x + s
                x = a18; s = b14 * x + s
                x = a19; s = b13 * x + s
                h12 = s & 8191; s = int(uint(s) >> 13)
                x = a14; s = b19 * x + s
                x = a15; s = b18 * x + s
                x = a16; s = b17 * x + s
                x = a17; s = b16 * x + s
                x = a18; s = b15 * x + s
                x = a19; s = b14 * x + s
                h13 = s & 8191; s = int(uint(s) >> 13)
                x = a15; s = b19 * x + s
                x = a16; s = b18 * x + s
                x = a17; s = b17 * x + s
                x = a18; s = b16 * x + s
                x = a19; s = b15 * x + s
                h14 = s & 8191; s = int(uint(s) >> 13)
                x = a16; s = b19 * x + s
                x = a17; s = b18 * x + s
                x = a18; s = b17 * x + s
                x = a19; s = b16 * x + s
                h15 = s & 8191; s = int(uint(s) >> 13)
                x = a17; s = b19 * x + s
                x = a18; s = b18 * x + s
                x = a19; s = b17 * x + s
                h16 = s & 8191; s = int(uint(s) >> 13)
                x = a18; s = b19 * x + s
                x = a19; s = b18 * x + s
                h17 = s & 8191; s = int(uint(s) >> 13)
                x = a19; s = b19 * x + s
                h18 = s & 8191; s = int(uint(s) >> 13)
                h19 = s; s = 0
                x = a0; s = b0 * x + s
                s = h0 * 608 + s; d[0] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b1 * x + s
                x = a1; s = b0 * x + s
                s = h1 * 608 + s; d[1] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b2 * x + s
                x = a1; s = b1 * x + s
                x = a2; s = b0 * x + s
                s = h2 * 608 + s; d[2] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b3 * x + s
                x = a1; s = b2 * x + s
                x = a2; s = b1 * x + s
                x = a3; s = b0 * x + s
                s = h3 * 608 + s; d[3] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b4 * x + s
                x = a1; s = b3 * x + s
                x = a2; s = b2 * x + s
                x = a3; s = b1 * x + s
                x = a4; s = b0 * x + s
                s = h4 * 608 + s; d[4] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b5 * x + s
                x = a1; s = b4 * x + s
                x = a2; s = b3 * x + s
                x = a3; s = b2 * x + s
                x = a4; s = b1 * x + s
                x = a5; s = b0 * x + s
                s = h5 * 608 + s; d[5] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b6 * x + s
                x = a1; s = b5 * x + s
                x = a2; s = b4 * x + s
                x = a3; s = b3 * x + s
                x = a4; s = b2 * x + s
                x = a5; s = b1 * x + s
                x = a6; s = b0 * x + s
                s = h6 * 608 + s; d[6] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b7 * x + s
                x = a1; s = b6 * x + s
                x = a2; s = b5 * x + s
                x = a3; s = b4 * x + s
                x = a4; s = b3 * x + s
                x = a5; s = b2 * x + s
                x = a6; s = b1 * x + s
                x = a7; s = b0 * x + s
                s = h7 * 608 + s; d[7] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b8 * x + s
                x = a1; s = b7 * x + s
                x = a2; s = b6 * x + s
                x = a3; s = b5 * x + s
                x = a4; s = b4 * x + s
                x = a5; s = b3 * x + s
                x = a6; s = b2 * x + s
                x = a7; s = b1 * x + s
                x = a8; s = b0 * x + s
                s = h8 * 608 + s; d[8] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b9 * x + s
                x = a1; s = b8 * x + s
                x = a2; s = b7 * x + s
                x = a3; s = b6 * x + s
                x = a4; s = b5 * x + s
                x = a5; s = b4 * x + s
                x = a6; s = b3 * x + s
                x = a7; s = b2 * x + s
                x = a8; s = b1 * x + s
                x = a9; s = b0 * x + s
                s = h9 * 608 + s; d[9] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b10 * x + s
                x = a1; s = b9 * x + s
                x = a2; s = b8 * x + s
                x = a3; s = b7 * x + s
                x = a4; s = b6 * x + s
                x = a5; s = b5 * x + s
                x = a6; s = b4 * x + s
                x = a7; s = b3 * x + s
                x = a8; s = b2 * x + s
                x = a9; s = b1 * x + s
                x = a10; s = b0 * x + s
                s = h10 * 608 + s; d[10] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b11 * x + s
                x = a1; s = b10 * x + s
                x = a2; s = b9 * x + s
                x = a3; s = b8 * x + s
                x = a4; s = b7 * x + s
                x = a5; s = b6 * x + s
                x = a6; s = b5 * x + s
                x = a7; s = b4 * x + s
                x = a8; s = b3 * x + s
                x = a9; s = b2 * x + s
                x = a10; s = b1 * x + s
                x = a11; s = b0 * x + s
                s = h11 * 608 + s; d[11] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b12 * x + s
                x = a1; s = b11 * x + s
                x = a2; s = b10 * x + s
                x = a3; s = b9 * x + s
                x = a4; s = b8 * x + s
                x = a5; s = b7 * x + s
                x = a6; s = b6 * x + s
                x = a7; s = b5 * x + s
                x = a8; s = b4 * x + s
                x = a9; s = b3 * x + s
                x = a10; s = b2 * x + s
                x = a11; s = b1 * x + s
                x = a12; s = b0 * x + s
                s = h12 * 608 + s; d[12] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b13 * x + s
                x = a1; s = b12 * x + s
                x = a2; s = b11 * x + s
                x = a3; s = b10 * x + s
                x = a4; s = b9 * x + s
                x = a5; s = b8 * x + s
                x = a6; s = b7 * x + s
                x = a7; s = b6 * x + s
                x = a8; s = b5 * x + s
                x = a9; s = b4 * x + s
                x = a10; s = b3 * x + s
                x = a11; s = b2 * x + s
                x = a12; s = b1 * x + s
                x = a13; s = b0 * x + s
                s = h13 * 608 + s; d[13] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b14 * x + s
                x = a1; s = b13 * x + s
                x = a2; s = b12 * x + s
                x = a3; s = b11 * x + s
                x = a4; s = b10 * x + s
                x = a5; s = b9 * x + s
                x = a6; s = b8 * x + s
                x = a7; s = b7 * x + s
                x = a8; s = b6 * x + s
                x = a9; s = b5 * x + s
                x = a10; s = b4 * x + s
                x = a11; s = b3 * x + s
                x = a12; s = b2 * x + s
                x = a13; s = b1 * x + s
                x = a14; s = b0 * x + s
                s = h14 * 608 + s; d[14] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b15 * x + s
                x = a1; s = b14 * x + s
                x = a2; s = b13 * x + s
                x = a3; s = b12 * x + s
                x = a4; s = b11 * x + s
                x = a5; s = b10 * x + s
                x = a6; s = b9 * x + s
                x = a7; s = b8 * x + s
                x = a8; s = b7 * x + s
                x = a9; s = b6 * x + s
                x = a10; s = b5 * x + s
                x = a11; s = b4 * x + s
                x = a12; s = b3 * x + s
                x = a13; s = b2 * x + s
                x = a14; s = b1 * x + s
                x = a15; s = b0 * x + s
                s = h15 * 608 + s; d[15] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b16 * x + s
                x = a1; s = b15 * x + s
                x = a2; s = b14 * x + s
                x = a3; s = b13 * x + s
                x = a4; s = b12 * x + s
                x = a5; s = b11 * x + s
                x = a6; s = b10 * x + s
                x = a7; s = b9 * x + s
                x = a8; s = b8 * x + s
                x = a9; s = b7 * x + s
                x = a10; s = b6 * x + s
                x = a11; s = b5 * x + s
                x = a12; s = b4 * x + s
                x = a13; s = b3 * x + s
                x = a14; s = b2 * x + s
                x = a15; s = b1 * x + s
                x = a16; s = b0 * x + s
                s = h16 * 608 + s; d[16] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b17 * x + s
                x = a1; s = b16 * x + s
                x = a2; s = b15 * x + s
                x = a3; s = b14 * x + s
                x = a4; s = b13 * x + s
                x = a5; s = b12 * x + s
                x = a6; s = b11 * x + s
                x = a7; s = b10 * x + s
                x = a8; s = b9 * x + s
                x = a9; s = b8 * x + s
                x = a10; s = b7 * x + s
                x = a11; s = b6 * x + s
                x = a12; s = b5 * x + s
                x = a13; s = b4 * x + s
                x = a14; s = b3 * x + s
                x = a15; s = b2 * x + s
                x = a16; s = b1 * x + s
                x = a17; s = b0 * x + s
                s = h17 * 608 + s; d[17] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b18 * x + s
                x = a1; s = b17 * x + s
                x = a2; s = b16 * x + s
                x = a3; s = b15 * x + s
                x = a4; s = b14 * x + s
                x = a5; s = b13 * x + s
                x = a6; s = b12 * x + s
                x = a7; s = b11 * x + s
                x = a8; s = b10 * x + s
                x = a9; s = b9 * x + s
                x = a10; s = b8 * x + s
                x = a11; s = b7 * x + s
                x = a12; s = b6 * x + s
                x = a13; s = b5 * x + s
                x = a14; s = b4 * x + s
                x = a15; s = b3 * x + s
                x = a16; s = b2 * x + s
                x = a17; s = b1 * x + s
                x = a18; s = b0 * x + s
                s = h18 * 608 + s; d[18] = s & 8191; s = int(uint(s) >> 13)
                x = a0; s = b19 * x + s
                x = a1; s = b18 * x + s
                x = a2; s = b17 * x + s
                x = a3; s = b16 * x + s
                x = a4; s = b15 * x + s
                x = a5; s = b14 * x + s
                x = a6; s = b13 * x + s
                x = a7; s = b12 * x + s
                x = a8; s = b11 * x + s
                x = a9; s = b10 * x + s
                x = a10; s = b9 * x + s
                x = a11; s = b8 * x + s
                x = a12; s = b7 * x + s
                x = a13; s = b6 * x + s
                x = a14; s = b5 * x + s
                x = a15; s = b4 * x + s
                x = a16; s = b3 * x + s
                x = a17; s = b2 * x + s
                x = a18; s = b1 * x + s
                x = a19; s = b0 * x + s
                s = h19 * 608 + s; d[19] = s & 8191; s = int(uint(s) >> 13)
                s = s * 608 + d[0]; d[0] = s & 8191; s = s >> 13
                s = s + d[1]; d[1] = s & 8191; d[2] = (s >> 13) + d[2]
            elif op == 2:
                while n > 0:
                    n -= 1
                    x = a[0]; a0 = x; b0 = x + x
                    x = a[1]; a1 = x; b1 = x + x
                    x = a[2]; a2 = x; b2 = x + x
                    x = a[3]; a3 = x; b3 = x + x
                    x = a[4]; a4 = x; b4 = x + x
                    x = a[5]; a5 = x; b5 = x + x
                    x = a[6]; a6 = x; b6 = x + x
                    x = a[7]; a7 = x; b7 = x + x
                    x = a[8]; a8 = x; b8 = x + x
                    x = a[9]; a9 = x; b9 = x + x
                    x = a[10]; a10 = x; b10 = x + x
                    x = a[11]; a11 = x; b11 = x + x
                    x = a[12]; a12 = x; b12 = x + x
                    x = a[13]; a13 = x; b13 = x + x
                    x = a[14]; a14 = x; b14 = x + x
                    x = a[15]; a15 = x; b15 = x + x
                    x = a[16]; a16 = x; b16 = x + x
                    x = a[17]; a17 = x; b17 = x + x
                    x = a[18]; a18 = x; b18 = x + x
                    x = a[19]; a19 = x; b19 = x + x
                    s = 0
                    x = a1; s = b19 * x + s
                    x = a2; s = b18 * x + s
                    x = a3; s = b17 * x + s
                    x = a4; s = b16 * x + s
                    x = a5; s = b15 * x + s
                    x = a6; s = b14 * x + s
                    x = a7; s = b13 * x + s
                    x = a8; s = b12 * x + s
                    x = a9; s = b11 * x + s
                    x = a10; s = x * x + s
                    h0 = s & 8191; s = int(uint(s) >> 13)
                    x = a2; s = b19 * x + s
                    x = a3; s = b18 * x + s
                    x = a4; s = b17 * x + s
                    x = a5; s = b16 * x + s
                    x = a6; s = b15 * x + s
                    x = a7; s = b14 * x + s
                    x = a8; s = b13 * x + s
                    x = a9; s = b12 * x + s
                    x = a10; s = b11 * x + s
                    h1 = s & 8191; s = int(uint(s) >> 13)
                    x = a3; s = b19 * x + s
                    x = a4; s = b18 * x + s
                    x = a5; s = b17 * x + s
                    x = a6; s = b16 * x + s
                    x = a7; s = b15 * x + s
                    x = a8; s = b14 * x + s
                    x = a9; s = b13 * x + s
                    x = a10; s = b12 * x + s
                    x = a11; s = x * x + s
                    h2 = s & 8191; s = int(uint(s) >> 13)
                    x = a4; s = b19 * x + s
                    x = a5; s = b18 * x + s
                    x = a6; s = b17 * x + s
                    x = a7; s = b16 * x + s
                    x = a8; s = b15 * x + s
                    x = a9; s = b14 * x + s
                    x = a10; s = b13 * x + s
                    x = a11; s = b12 * x + s
                    h3 = s & 8191; s = int(uint(s) >> 13)
                    x = a5; s = b19 * x + s
                    x = a6; s = b18 * x + s
                    x = a7; s = b17 * x + s
                    x = a8; s = b16 * x + s
                    x = a9; s = b15 * x + s
                    x = a10; s = b14 * x + s
                    x = a11; s = b13 * x + s
                    x = a12; s = x * x + s
                    h4 = s & 8191; s = int(uint(s) >> 13)
                    x = a6; s = b19 * x + s
                    x = a7; s = b18 * x + s
                    x = a8; s = b17 * x + s
                    x = a9; s = b16 * x + s
                    x = a10; s = b15 * x + s
                    x = a11; s = b14 * x + s
                    x = a12; s = b13 * x + s
                    h5 = s & 8191; s = int(uint(s) >> 13)
                    x = a7; s = b19 * x + s
                    x = a8; s = b18 * x + s
                    x = a9; s = b17 * x + s
                    x = a10; s = b16 * x + s
                    x = a11; s = b15 * x + s
                    x = a12; s = b14 * x + s
                    x = a13; s = x * x + s
                    h6 = s & 8191; s = int(uint(s) >> 13)
                    x = a8; s = b19 * x + s
                    x = a9; s = b18 * x + s
                    x = a10; s = b17 * x + s
                    x = a11; s = b16 * x + s
                    x = a12; s = b15 * x + s
                    x = a13; s = b14 * x + s
                    h7 = s & 8191; s = int(uint(s) >> 13)
                    x = a9; s = b19 * x + s
                    x = a10; s = b18 * x + s
                    x = a11; s = b17 * x + s
                    x = a12; s = b16 * x + s
                    x = a13; s = b15 * x + s
                    x = a14; s = x * x + s
                    h8 = s & 8191; s = int(uint(s) >> 13)
                    x = a10; s = b19 * x + s
                    x = a11; s = b18 * x + s
                    x = a12; s = b17 * x + s
                    x = a13; s = b16 * x + s
                    x = a14; s = b15 * x + s
                    h9 = s & 8191; s = int(uint(s) >> 13)
                    x = a11; s = b19 * x + s
                    x = a12; s = b18 * x + s
                    x = a13; s = b17 * x + s
                    x = a14; s = b16 * x + s
                    x = a15; s = x * x + s
                    h10 = s & 8191; s = int(uint(s) >> 13)
                    x = a12; s = b19 * x + s
                    x = a13; s = b18 * x + s
                    x = a14; s = b17 * x + s
                    x = a15; s = b16 * x + s
                    h11 = s & 8191; s = int(uint(s) >> 13)
                    x = a13; s = b19 * x + s
                    x = a14; s = b18 * x + s
                    x = a15; s = b17 * x + s
                    x = a16; s = x * x + s
                    h12 = s & 8191; s = int(uint(s) >> 13)
                    x = a14; s = b19 * x + s
                    x = a15; s = b18 * x + s
                    x = a16; s = b17 * x + s
                    h13 = s & 8191; s = int(uint(s) >> 13)
                    x = a15; s = b19 * x + s
                    x = a16; s = b18 * x + s
                    x = a17; s = x * x + s
                    h14 = s & 8191; s = int(uint(s) >> 13)
                    x = a16; s = b19 * x + s
                    x = a17; s = b18 * x + s
                    h15 = s & 8191; s = int(uint(s) >> 13)
                    x = a17; s = b19 * x + s
                    x = a18; s = x * x + s
                    h16 = s & 8191; s = int(uint(s) >> 13)
                    x = a18; s = b19 * x + s
                    h17 = s & 8191; s = int(uint(s) >> 13)
                    x = a19; s = x * x + s
                    h18 = s & 8191; s = int(uint(s) >> 13)
                    h19 = s; s = 0
                    x = a0; s = x * x + s
                    s = h0 * 608 + s; d[0] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b1 * x + s
                    s = h1 * 608 + s; d[1] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b2 * x + s
                    x = a1; s = x * x + s
                    s = h2 * 608 + s; d[2] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b3 * x + s
                    x = a1; s = b2 * x + s
                    s = h3 * 608 + s; d[3] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b4 * x + s
                    x = a1; s = b3 * x + s
                    x = a2; s = x * x + s
                    s = h4 * 608 + s; d[4] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b5 * x + s
                    x = a1; s = b4 * x + s
                    x = a2; s = b3 * x + s
                    s = h5 * 608 + s; d[5] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b6 * x + s
                    x = a1; s = b5 * x + s
                    x = a2; s = b4 * x + s
                    x = a3; s = x * x + s
                    s = h6 * 608 + s; d[6] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b7 * x + s
                    x = a1; s = b6 * x + s
                    x = a2; s = b5 * x + s
                    x = a3; s = b4 * x + s
                    s = h7 * 608 + s; d[7] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b8 * x + s
                    x = a1; s = b7 * x + s
                    x = a2; s = b6 * x + s
                    x = a3; s = b5 * x + s
                    x = a4; s = x * x + s
                    s = h8 * 608 + s; d[8] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b9 * x + s
                    x = a1; s = b8 * x + s
                    x = a2; s = b7 * x + s
                    x = a3; s = b6 * x + s
                    x = a4; s = b5 * x + s
                    s = h9 * 608 + s; d[9] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b10 * x + s
                    x = a1; s = b9 * x + s
                    x = a2; s = b8 * x + s
                    x = a3; s = b7 * x + s
                    x = a4; s = b6 * x + s
                    x = a5; s = x * x + s
                    s = h10 * 608 + s; d[10] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b11 * x + s
                    x = a1; s = b10 * x + s
                    x = a2; s = b9 * x + s
                    x = a3; s = b8 * x + s
                    x = a4; s = b7 * x + s
                    x = a5; s = b6 * x + s
                    s = h11 * 608 + s; d[11] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b12 * x + s
                    x = a1; s = b11 * x + s
                    x = a2; s = b10 * x + s
                    x = a3; s = b9 * x + s
                    x = a4; s = b8 * x + s
                    x = a5; s = b7 * x + s
                    x = a6; s = x * x + s
                    s = h12 * 608 + s; d[12] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b13 * x + s
                    x = a1; s = b12 * x + s
                    x = a2; s = b11 * x + s
                    x = a3; s = b10 * x + s
                    x = a4; s = b9 * x + s
                    x = a5; s = b8 * x + s
                    x = a6; s = b7 * x + s
                    s = h13 * 608 + s; d[13] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b14 * x + s
                    x = a1; s = b13 * x + s
                    x = a2; s = b12 * x + s
                    x = a3; s = b11 * x + s
                    x = a4; s = b10 * x + s
                    x = a5; s = b9 * x + s
                    x = a6; s = b8 * x + s
                    x = a7; s = x * x + s
                    s = h14 * 608 + s; d[14] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b15 * x + s
                    x = a1; s = b14 * x + s
                    x = a2; s = b13 * x + s
                    x = a3; s = b12 * x + s
                    x = a4; s = b11 * x + s
                    x = a5; s = b10 * x + s
                    x = a6; s = b9 * x + s
                    x = a7; s = b8 * x + s
                    s = h15 * 608 + s; d[15] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b16 * x + s
                    x = a1; s = b15 * x + s
                    x = a2; s = b14 * x + s
                    x = a3; s = b13 * x + s
                    x = a4; s = b12 * x + s
                    x = a5; s = b11 * x + s
                    x = a6; s = b10 * x + s
                    x = a7; s = b9 * x + s
                    x = a8; s = x * x + s
                    s = h16 * 608 + s; d[16] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b17 * x + s
                    x = a1; s = b16 * x + s
                    x = a2; s = b15 * x + s
                    x = a3; s = b14 * x + s
                    x = a4; s = b13 * x + s
                    x = a5; s = b12 * x + s
                    x = a6; s = b11 * x + s
                    x = a7; s = b10 * x + s
                    x = a8; s = b9 * x + s
                    s = h17 * 608 + s; d[17] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b18 * x + s
                    x = a1; s = b17 * x + s
                    x = a2; s = b16 * x + s
                    x = a3; s = b15 * x + s
                    x = a4; s = b14 * x + s
                    x = a5; s = b13 * x + s
                    x = a6; s = b12 * x + s
                    x = a7; s = b11 * x + s
                    x = a8; s = b10 * x + s
                    x = a9; s = x * x + s
                    s = h18 * 608 + s; d[18] = s & 8191; s = int(uint(s) >> 13)
                    x = a0; s = b19 * x + s
                    x = a1; s = b18 * x + s
                    x = a2; s = b17 * x + s
                    x = a3; s = b16 * x + s
                    x = a4; s = b15 * x + s
                    x = a5; s = b14 * x + s
                    x = a6; s = b13 * x + s
                    x = a7; s = b12 * x + s
                    x = a8; s = b11 * x + s
                    x = a9; s = b10 * x + s
                    s = h19 * 608 + s; d[19] = s & 8191; s = int(uint(s) >> 13)
                    s = s * 608 + d[0]; d[0] = s & 8191; s = s >> 13
                    s = s + d[1]; d[1] = s & 8191; d[2] = (s >> 13) + d[2]
                    a = d
            elif op == 3:
                s = a[0]
                s = b[0] + s
                d[0] = s & 8191; s = s >> 13
                s = a[1] + s
                s = b[1] + s
                d[1] = s & 8191; s = s >> 13
                s = a[2] + s
                s = b[2] + s
                d[2] = s & 8191; s = s >> 13
                s = a[3] + s
                s = b[3] + s
                d[3] = s & 8191; s = s >> 13
                s = a[4] + s
                s = b[4] + s
                d[4] = s & 8191; s = s >> 13
                s = a[5] + s
                s = b[5] + s
                d[5] = s & 8191; s = s >> 13
                s = a[6] + s
                s = b[6] + s
                d[6] = s & 8191; s = s >> 13
                s = a[7] + s
                s = b[7] + s
                d[7] = s & 8191; s = s >> 13
                s = a[8] + s
                s = b[8] + s
                d[8] = s & 8191; s = s >> 13
                s = a[9] + s
                s = b[9] + s
                d[9] = s & 8191; s = s >> 13
                s = a[10] + s
                s = b[10] + s
                d[10] = s & 8191; s = s >> 13
                s = a[11] + s
                s = b[11] + s
                d[11] = s & 8191; s = s >> 13
                s = a[12] + s
                s = b[12] + s
                d[12] = s & 8191; s = s >> 13
                s = a[13] + s
                s = b[13] + s
                d[13] = s & 8191; s = s >> 13
                s = a[14] + s
                s = b[14] + s
                d[14] = s & 8191; s = s >> 13
                s = a[15] + s
                s = b[15] + s
                d[15] = s & 8191; s = s >> 13
                s = a[16] + s
                s = b[16] + s
                d[16] = s & 8191; s = s >> 13
                s = a[17] + s
                s = b[17] + s
                d[17] = s & 8191; s = s >> 13
                s = a[18] + s
                s = b[18] + s
                d[18] = s & 8191; s = s >> 13
                s = a[19] + s
                s = b[19] + s
                d[19] = s & 8191; s = s >> 13
                d[0] = s * 608 + d[0]
            else:
                s = a[0]
                s = s - b[0] + 15168
                d[0] = s & 8191; s = s >> 13
                s = a[1] + s
                s = s - b[1] + 16382
                d[1] = s & 8191; s = s >> 13
                s = a[2] + s
                s = s - b[2] + 16382
                d[2] = s & 8191; s = s >> 13
                s = a[3] + s
                s = s - b[3] + 16382
                d[3] = s & 8191; s = s >> 13
                s = a[4] + s
                s = s - b[4] + 16382
                d[4] = s & 8191; s = s >> 13
                s = a[5] + s
                s = s - b[5] + 16382
                d[5] = s & 8191; s = s >> 13
                s = a[6] + s
                s = s - b[6] + 16382
                d[6] = s & 8191; s = s >> 13
                s = a[7] + s
                s = s - b[7] + 16382
                d[7] = s & 8191; s = s >> 13
                s = a[8] + s
                s = s - b[8] + 16382
                d[8] = s & 8191; s = s >> 13
                s = a[9] + s
                s = s - b[9] + 16382
                d[9] = s & 8191; s = s >> 13
                s = a[10] + s
                s = s - b[10] + 16382
                d[10] = s & 8191; s = s >> 13
                s = a[11] + s
                s = s - b[11] + 16382
                d[11] = s & 8191; s = s >> 13
                s = a[12] + s
                s = s - b[12] + 16382
                d[12] = s & 8191; s = s >> 13
                s = a[13] + s
                s = s - b[13] + 16382
                d[13] = s & 8191; s = s >> 13
                s = a[14] + s
                s = s - b[14] + 16382
                d[14] = s & 8191; s = s >> 13
                s = a[15] + s
                s = s - b[15] + 16382
                d[15] = s & 8191; s = s >> 13
                s = a[16] + s
                s = s - b[16] + 16382
                d[16] = s & 8191; s = s >> 13
                s = a[17] + s
                s = s - b[17] + 16382
                d[17] = s & 8191; s = s >> 13
                s = a[18] + s
                s = s - b[18] + 16382
                d[18] = s & 8191; s = s >> 13
                s = a[19] + s
                s = s - b[19] + 16382
                d[19] = s & 8191; s = s >> 13
                d[0] = s * 608 + d[0]
            pc += 4
            op = program[pc]
