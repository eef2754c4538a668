"""The first page, and the files that pages need."""

from typing import Any

from litestar import Controller, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from eccoo_node.web.ask import AnyRequest, ask_of
from eccoo_node.web.page import redirect, render


class FrontController(Controller):
    """What everyone may see."""

    include_in_schema = False

    @get("/", opt={"action": "public"})
    async def front(self, request: AnyRequest) -> Response[Any]:
        """Who this circle is, and the way in. Whoever is signed in is led to their own day."""
        if ask_of(request).session is not None:
            return redirect(request, "/home")
        return render(request, "front.html")

    @get("/static/{name:path}", opt={"action": "public"})
    async def static(self, request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        """A file of the theme that is worn. A name with its digest may be kept for a year."""
        ask = ask_of(request)
        found = ask.site.static().files.get(str(name).lstrip("/"))
        if found is None:
            raise NotFoundException
        fits = request.scope["query_string"] == f"v={found.digest}".encode()
        headers = {"cache-control": "public, max-age=31536000, immutable" if fits else "public, max-age=300"}
        body = found.body
        if found.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body = found.zipped
            headers |= {"content-encoding": "gzip", "vary": "accept-encoding"}
        return Response(body, media_type=found.kind, headers=headers)

    @get("/favicon.ico", opt={"action": "public"})
    async def icon(self, request: AnyRequest) -> Response[bytes]:
        """Asked for by browsers that do not read the page's own link to it."""
        found = ask_of(request).site.static().files["mark.svg"]
        return Response(found.body, media_type=found.kind, headers={"cache-control": "public, max-age=86400"})
