"""``flamepy.cache``: upstream's object cache client."""

from flamepy.upstream.objects import ObjectRef, delete_objects, get_object, patch_object, put_object, update_object

__all__ = ["ObjectRef", "delete_objects", "get_object", "patch_object", "put_object", "update_object"]
