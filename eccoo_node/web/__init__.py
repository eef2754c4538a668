"""Pages, forms, sessions and errors: what every domain's own `web.py` builds on. Knows no domain.

A domain's `web.py` has `CONTROLLERS` and may have `NAV`, and `app.domain_parts` finds it by the domain's name:

    class VisitController(Controller):
        include_in_schema = False

        @get("/visits/{id:str}", opt={"action": "visit.see"})
        async def show(self, request: AnyRequest, id: FromPath[str]) -> Response[Any]:
            return render(request, "rota/visit.html", visit=await queries.visit(actor_of(request), id))

        @post("/visits/{id:str}/cant-come", opt={"action": "visit.cant_come"})
        async def cant_come(self, request: AnyRequest, id: FromPath[str]) -> Response[Any]:
            try:
                form = read_form(request, CantCome)
                await actions.cant_come(actor_of(request), id, form.visits)
            except (FormError, Invalid) as error:
                return form_error(request, "rota/cant_come.html", error, visit=...)
            return redirect(request, f"/visits/{id}", "We've told Ada's team.")

Each handler names its own action; "public" and "signed_in" need no rule. Forbidden, NotFound, Conflict and whatever
nobody caught become pages in `errors`. A POST that redirects has one effect, however often the button is pressed.
"""
