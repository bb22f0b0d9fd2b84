"""The endpoint's scheme picks the driver; the only module that imports one."""
