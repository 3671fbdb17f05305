"""How people write a number of things."""


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with what is counted: `1 file`, `213,319,330 bytes`. `many` is for what takes more than an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def amount(files: int, size: int) -> str:
    """Say how much files are: `3 files, 1,024 bytes`; `size` is in bytes."""
    return f"{counted(files, 'file')}, {counted(size, 'byte')}"
