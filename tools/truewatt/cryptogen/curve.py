"""The curve edwards25519 in Python integers (RFC 8032 §5.1), for table generation and tests."""

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def recover_x(y: int, sign: int) -> int:
    """x of the point with this y and parity; ValueError if there is none."""
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        raise ValueError(f"no point of the curve has y = {y}")
    return P - x if x & 1 != sign else x


BASE: Point = (recover_x(4 * pow(5, -1, P) % P, 0), 4 * pow(5, -1, P) % P)


def add(p: Point, q: Point) -> Point:
    """The complete affine addition law."""
    cross = D * p[0] * q[0] * p[1] * q[1] % P
    x = (p[0] * q[1] + q[0] * p[1]) * pow(1 + cross, -1, P) % P
    y = (p[1] * q[1] + p[0] * q[0]) * pow(1 - cross, -1, P) % P
    return x, y


def negate(p: Point) -> Point:
    """The inverse of a point."""
    return -p[0] % P, p[1]


def multiply(scalar: int, p: Point) -> Point:
    """scalar * p by doubling and adding."""
    result = IDENTITY
    for bit in bin(scalar)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, p)
    return result


def encode(p: Point) -> bytes:
    """RFC 8032 §5.1.2."""
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


def small_order_points() -> list[Point]:
    """The eight points whose order divides 8, found from a point of order 8."""
    y = 2
    while True:
        try:
            torsion = multiply(L, (recover_x(y, 0), y))
        except ValueError:
            torsion = IDENTITY
        if multiply(4, torsion) != IDENTITY:
            return [multiply(i, torsion) for i in range(8)]
        y += 1
