"""Python source of byte constants."""


def bytes_literal(name: str, data: bytes) -> str:
    """A module constant as lines of hexadecimal escapes."""
    lines = [f"{name} = ("]
    for i in range(0, len(data), 20):
        text = "".join(f"\\x{byte:02x}" for byte in data[i : i + 20])
        lines.append(f'    b"{text}"')
    return "\n".join([*lines, ")\n"])
