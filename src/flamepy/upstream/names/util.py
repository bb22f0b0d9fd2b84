"""``flamepy.util``: upstream's name, the one exception to our rule that no module is called that."""

from flamepy.upstream.vocabulary import short_name

__all__ = ["short_name"]
