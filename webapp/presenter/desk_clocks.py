"""The words for the clocks of the law: what has to be done by when, by whom, and what follows if it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webapp.languages import gettext
from webapp.presenter.words import mark

if TYPE_CHECKING:
    from registry.enforcement.clocks import Clock

JURISDICTIONS: Final = {
    "cn_customs": mark("China, customs"),
    "cn_platform": mark("China, trading platforms"),
    "eu_customs": mark("European Union, customs"),
}
PROCEDURES: Final = {
    "ex_officio": mark("Goods stopped by customs themselves"),
    "on_application": mark("Goods stopped on the rights holder's application"),
    "recordal": mark("Recordal of a right"),
    "notice": mark("Notice to a platform"),
    "destruction": mark("Detention and destruction"),
    "small_consignment": mark("Small consignment"),
}
ACTS: Final = {
    "apply_and_give_security": mark("Rights holder: apply for detention and give security"),
    "determine": mark("Customs: determine whether the goods infringe"),
    "have_a_court_notify_customs": mark("Rights holder: have a court notify customs"),
    "apply_for_renewal": mark("Rights holder: apply for renewal"),
    "tell_the_platform_of_a_complaint_or_action": mark("Rights holder: tell the platform of a complaint or an action"),
    "tell_declarant": mark("Customs: tell the declarant"),
    "confirm_infringement_in_writing": mark("Rights holder: confirm the infringement in writing"),
    "agree_to_destruction": mark("Rights holder: agree to destruction"),
    "agree_or_object": mark("Declarant: agree or object"),
    "begin_proceedings": mark("Rights holder: begin proceedings"),
}
THEN: Final = {
    "no_detention": mark("else the goods are not detained"),
    "tell_rights_holder_to_go_to_court": mark("else the rights holder is told to go to court"),
    "release": mark("else the goods are released"),
    "recordal_ends": mark("else the recordal ends"),
    "measures_end": mark("else the platform ends its measures"),
    "duty_missed": mark("else a duty of the office is missed"),
    "silence_may_be_consent": mark("else silence may be taken as consent"),
}
UNKNOWN: Final = mark("the calendar of that year is not known: count the days by hand")
NO_PROCEDURE: Final = mark("The rules and the procedure of this case do not belong together: correct them")


def name(clock: Clock, *, is_known: bool = True) -> str:
    """Return what a deadline is about, with its article."""
    said = (gettext(ACTS[clock.act]), gettext(THEN[clock.then]), *(() if is_known else (gettext(UNKNOWN),)))
    return f"{'; '.join(said)} ({clock.instrument}, {clock.article})"


def no_procedure() -> str:
    """Return what is said of a case whose procedure there is not."""
    return gettext(NO_PROCEDURE)
