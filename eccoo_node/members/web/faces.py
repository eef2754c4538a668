"""Pictures of people, for those who are signed in."""

import base64

from litestar import Controller, Response, get
from litestar.params import FromPath

from eccoo_node.kernel.access import Thing, may
from eccoo_node.kernel.errors import NotFound
from eccoo_node.members import queries
from eccoo_node.web.ask import AnyRequest
from eccoo_node.web.guards import actor_of


class FaceController(Controller):
    """One small picture."""

    include_in_schema = False

    @get("/people/{person_id:str}/face", opt={"action": "members.see_face"})
    async def face(self, request: AnyRequest, person_id: FromPath[str]) -> Response[bytes]:
        """The picture someone gave of themselves. A browser keeps it for an hour, for its reader alone."""
        actor = actor_of(request)
        shown = may(actor, "members.see_face", Thing("person", person_id, person_id))
        found = await queries.face(person_id) if shown or await queries.may_show_face(actor, person_id) else None
        if found is None:
            raise NotFound()
        headers = {"cache-control": "private, max-age=3600", "content-disposition": "inline"}
        return Response(base64.b64decode(found[1]), media_type=found[0], headers=headers)
