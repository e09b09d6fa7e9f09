"""Text of a file or a user, made inert for where it is shown."""


def markdown(text: str) -> str:
    """In one line, and such that it acts neither as Markdown nor as HTML."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    for sign in "\\`*_[]|":
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.split())


def annotation(text: str) -> str:
    """The message of a workflow command of GitHub Actions."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def annotation_property(text: str) -> str:
    """A property of a workflow command of GitHub Actions."""
    return annotation(text).replace(":", "%3A").replace(",", "%2C")
