"""Names of this machine; any other name is said by --browser.serverAddress."""

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
