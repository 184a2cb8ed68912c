"""The dashboard as a web application: its pages, who may ask for them, and what a browser may do with them.

Run from the repository's root: python -m streamlit run dashboard/server.py
"""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.server_names import LOCAL_HOSTS

REMEDY = "Use http://localhost, or give the address that people open: DASHBOARD_URL (--browser.serverAddress)."
HEADERS = {
    # Streamlit's own pages have inline scripts and styles, and compile some of their code.
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    # A customer's id stands in the address.
    "referrer-policy": "same-origin",
}


class PageRules:
    """Refuses names that are not this server's (DNS rebinding) and other sites' pages, and adds `HEADERS`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif is_refused(Headers(scope=scope), str(st.get_option("browser.serverAddress"))):
            await PlainTextResponse(REMEDY, status_code=403)(scope, receive, send)
        else:

            async def send_with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message).update(HEADERS)
                await send(message)

            await self.app(scope, receive, send_with_headers)


def is_refused(headers: Headers, public_name: str) -> bool:
    """Whether a request is for another name, or comes from a page that is not this server's."""
    host, origin = headers.get("host", ""), headers.get("origin")
    public_name = public_name.lower()
    if _name(f"//{host}") not in (*LOCAL_HOSTS, public_name):
        return True
    # A proxy may ask in its own name; on this machine another port is another program's.
    is_public = public_name not in LOCAL_HOSTS and _name(origin or "") == public_name
    return origin is not None and urlsplit(origin).netloc != host and not is_public


def _name(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


app = st.App("streamlit_app.py", middleware=[Middleware(PageRules)])
