"""Requests that a web page makes a browser send to a server on this machine.

A page that the developer visits reaches such a server in two ways. It sends a request across sites, an image's or a
form's: the browser says so in `Sec-Fetch-Site` (W3C Fetch Metadata) or `Origin`. Not always: an image from 0.0.0.0, or
from any name but `localhost` that means this machine, carries neither, so a browser has to say that it asks for no
other site. Or the page's own name is made to point to this machine (DNS rebinding): then the browser takes the server
for the page's own, and only `Host` differs.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

REMEDY = "This server takes no requests of other sites' pages. Use a program, or type http://localhost in the browser."
# Names that no page's owner can give an address to. The last is LocalStack's own, which it writes into addresses.
LOCAL_NAMES = ("localhost", "host.docker.internal", "localhost.localstack.cloud")
OWN_SITES = ("none", "same-origin")
# How every browser's User-Agent begins; a page can change it only in requests that carry an `Origin`.
BROWSER = "mozilla/"


def is_of_another_site(host: str, origin: str, fetch_site: str, user_agent: str = "") -> bool:
    """Whether a request may come from another site's page; the arguments are its headers, empty when absent."""
    return not is_local_name(host) or is_cross_site(host, origin, fetch_site, user_agent)


def is_cross_site(host: str, origin: str, fetch_site: str, user_agent: str = "") -> bool:
    """Whether a browser sent a request, and not for a page of the site that it takes `host` for."""
    site = fetch_site.strip().lower()
    if site not in OWN_SITES and (site or user_agent.strip().lower().startswith(BROWSER)):
        return True
    return bool(origin) and urlsplit(origin).netloc.lower() != host.strip().lower()


def is_local_name(host: str) -> bool:
    """Whether a `Host` header can only have been meant for this machine or a container's network.

    A loopback address is: whoever rebinds a name is known by that name. A name without a dot is no public site's.
    """
    try:
        name = (urlsplit(f"//{host.strip()}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if not name or not any(sign in name for sign in ".:"):
        return True
    if any(name == local or name.endswith(f".{local}") for local in LOCAL_NAMES):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
