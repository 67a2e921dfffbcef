import stages  # noqa: F401 - it sets what libraries read as they load
