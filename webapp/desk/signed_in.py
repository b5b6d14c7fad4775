"""Who may see a page of the desk."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import abort, g, redirect

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.enforcement.officers import Role


def only(*roles: Role) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what guards a view: others are told that there is nothing, and who is not signed in is led to do so."""

    def guarding(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*arguments: Any, **named: Any) -> Any:
            officer = g.get("officer")
            if officer is None:
                return redirect("/desk/sign-in", 303)
            if officer.role not in roles:
                abort(404)
            return view(*arguments, **named)

        return guarded

    return guarding


def ticket() -> str:
    """Return what a form of the desk carries."""
    return ""
