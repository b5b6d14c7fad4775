"""The resolver: which links there are, who is led to them, and what is answered where there are none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from registry.errors import StoreUnavailable
from registry.units.records import UnitId
from tests.webapp.conftest import Wire
from tests.webapp.html import Page
from tests.webapp.samples import BY_NAME, GTIN, HOST, LINK, SERIAL, Answers, readers
from tests.webapp.test_short_way import Noted
from webapp.app import create_app
from webapp.resolver import VOCABULARY, named

if TYPE_CHECKING:
    from pathlib import Path

ROOT: Final = f"https://{HOST}"
LABEL: Final = LINK.removeprefix(ROOT)
ITEM: Final = f"{ROOT}/01/{GTIN}/21/{SERIAL}"
PRODUCT: Final = f"{ROOT}/01/{GTIN}"
STRANGE: Final = "09506000134352"
"""A product number in order, of nobody here."""
BROWSER: Final = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
LINKSETS: Final = {"accept": "application/linkset+json"}
CONTEXT: Final = "https://ref.gs1.org/standards/resolver/linkset-context"


class Shelf:
    """A store with one product, and one item of it; or one that is away."""

    def __init__(self) -> None:
        self.away = False

    def find(self, unit: UnitId) -> object | None:
        """Find the item."""
        self._ask()
        return unit if unit == UnitId(GTIN, SERIAL) else None

    def has_product(self, gtin: str) -> bool:
        """Know the product."""
        self._ask()
        return gtin == GTIN

    def units_of(self, gtin: str) -> list[UnitId]:
        """Give one that nobody registered, and the item."""
        self._ask()
        return [UnitId(gtin, "NOBODYS"), UnitId(gtin, SERIAL)]

    def _ask(self) -> None:
        if self.away:
            raise StoreUnavailable("the database could not be asked")


@dataclass
class Site:
    """A site, what it was asked, and what it noted."""

    shelf: Shelf = field(default_factory=Shelf)
    noted: Noted = field(default_factory=Noted)
    checks: Answers = field(
        default_factory=lambda: Answers(
            {LINK: BY_NAME["registered"], SERIAL: BY_NAME["registered"], "NOBODYS": BY_NAME["not_registered"]}
        )
    )

    def wire(self, **more: Any) -> Wire:
        """Return it behind its server."""
        return Wire(create_app(readers(checks=self.checks, scans=self.noted, stock=self.shelf, **more)))


@pytest.fixture
def site() -> Site:
    """A site with one product."""
    return Site()


@pytest.fixture
def resolver(site: Site) -> Wire:
    """Its resolver."""
    return site.wire()


def asked(target: str, link_type: str) -> str:
    """Return an address of ours with a link type."""
    return f"{target}{'&' if '?' in target else '?'}linkType={link_type}"


# ------------------------------------------------------------------------------------------------------------- linksets


@pytest.mark.parametrize(
    ("target", "headers", "kind"),
    [
        (asked(LABEL, "linkset"), {}, "application/linkset+json"),
        (asked(LABEL, "all"), {}, "application/linkset+json"),
        (asked(LABEL, "linkset"), BROWSER, "application/linkset+json"),
        (LABEL, LINKSETS, "application/linkset+json"),
        (LABEL, {"accept": "Application/Linkset+JSON"}, "application/linkset+json"),
        (LABEL, {"accept": "application/json"}, "application/json"),
        (LABEL, {"accept": "application/json, text/plain, */*"}, "application/json"),
    ],
)
def test_a_linkset_has_the_item_and_its_product(resolver: Wire, target: str, headers: dict[str, str], kind: str) -> None:
    """With the context that makes it linked data, for anybody's page to read, and kept by nobody."""
    answer = resolver.send(target, headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert f'<{CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"' in answer.headers["link"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"
    item, product = json.loads(answer.body)["linkset"]
    assert (item["anchor"], product["anchor"]) == (ITEM, PRODUCT)
    assert {name.removeprefix(VOCABULARY): [link["href"] for link in links] for name, links in item.items() if "/" in name} == {
        "defaultLink": [LINK],
        "pip": [LINK],
        "recallStatus": [LINK, f"{ROOT}/api/v1/verify?link={_quoted(LINK)}"],
    }
    assert {name.removeprefix(VOCABULARY) for name in product if "/" in name} == {"defaultLink", "pip"}


def test_a_linkset_says_nothing_of_the_code(site: Site) -> None:
    """It is the same for an altered code, and nothing is checked or noted for it."""
    before = site.wire().send(asked(LABEL, "linkset")).body
    site.checks.table[LINK] = BY_NAME["altered"]
    assert site.wire().send(asked(LABEL, "linkset")).body == before
    assert site.wire().send(LABEL, headers=LINKSETS).body == before
    assert site.checks.asked == []
    assert site.noted.scans == []


@pytest.mark.parametrize(
    "path", [f"/01/{GTIN}", f"/01/{GTIN}/", f"/01/{GTIN}/10/ANY", f"/01/{GTIN}/21/ANY", f"/01/{GTIN}/10/ANY/21/X/"]
)
def test_an_unknown_lot_or_serial_leads_up_to_the_product(resolver: Wire, path: str) -> None:
    """And a slash at the end does no harm."""
    known = json.loads(resolver.send(asked(path, "linkset")).body)["linkset"]
    assert [level["anchor"] for level in known] == [PRODUCT]


def test_every_default_link_is_listed_under_a_type_that_describes_it(resolver: Wire) -> None:
    """It is the only one of its level, and has a title and nothing else."""
    for level in json.loads(resolver.send(asked(LABEL, "linkset")).body)["linkset"]:
        (default,) = level[f"{VOCABULARY}defaultLink"]
        assert default.keys() == {"href", "title"}
        assert default["href"] in {link["href"] for link in level[f"{VOCABULARY}pip"]}


def test_titles_are_in_the_readers_language(resolver: Wire) -> None:
    """In either."""
    english, chinese = (
        json.loads(resolver.send(asked(LABEL, "linkset"), headers={"accept-language": tag}).body)["linkset"][0]
        for tag in ("en", "zh")
    )
    assert english["itemDescription"] == f"Item {SERIAL} of product {GTIN}"
    assert chinese["itemDescription"] == f"产品 {GTIN}，单件编号 {SERIAL}"
    assert english[f"{VOCABULARY}pip"][0]["title"] != chinese[f"{VOCABULARY}pip"][0]["title"]


def test_links_begin_where_the_operator_says(site: Site) -> None:
    """Behind a proxy a request does not know the scheme that its reader used."""
    answer = site.wire(root="https://other.example").send(asked(LABEL, "linkset"))
    item = json.loads(answer.body)["linkset"][0]
    assert item["anchor"] == ITEM.replace(ROOT, "https://other.example")
    assert item[f"{VOCABULARY}pip"][0]["href"] == LINK.replace(ROOT, "https://other.example")


def test_linksets_have_the_form_that_gs1_prescribes(resolver: Wire, shared_vectors: Path) -> None:
    """Ours, and GS1's own examples: the model and the valid one pass the schema, the invalid one does not."""
    folder = shared_vectors / "gs1-resolver"
    schema = json.loads((folder / "gs1-linkset-schema.json").read_text())
    for target in (LABEL, f"/01/{GTIN}"):
        assert faults(json.loads(resolver.send(asked(target, "linkset")).body), schema) == []
    assert faults(json.loads(resolver.send(asked(LABEL, "gs1:recallStatus")).body), schema) == []
    for name, valid in (("valid-gs1-example", True), ("invalid-gs1-example", False), ("modelLinkset", True)):
        assert (faults(json.loads((folder / f"{name}.json").read_text()), schema) == []) == valid


def faults(value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
    """Return what is wrong with a value by the rules of JSON Schema that the linkset schema uses."""
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool}
    if not isinstance(value, kinds[schema["type"]]):
        return [f"{where} is no {schema['type']}"]
    if isinstance(value, str):
        return [] if re.search(schema.get("pattern", ""), value) else [f"{where} is {value!r}"]
    if isinstance(value, list):
        return [
            fault
            for place, item in enumerate(value)
            if "items" in schema
            for fault in faults(item, schema["items"], f"{where}[{place}]")
        ]
    found = (
        [f"{where} lacks {name}" for name in schema.get("required", ()) if name not in value] if isinstance(value, dict) else []
    )
    for name, member in value.items() if isinstance(value, dict) else ():
        rules = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        rules += [rule for pattern, rule in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
        if not rules and schema.get("additionalProperties") is False:
            found.append(f"{where} has {name}")
        found += [fault for rule in rules for fault in faults(member, rule, f"{where}.{name}")]
    return found


# ---------------------------------------------------------------------------------------------------------- typed links


@pytest.mark.parametrize(
    ("link_type", "headers", "location"),
    [
        ("gs1:pip", {}, LABEL),
        ("gs1:pip", BROWSER, LABEL),
        ("gs1%3Apip", {}, LABEL),
        ("https://ref.gs1.org/voc/pip", {}, LABEL),
        ("https%3A%2F%2Fgs1.org%2Fvoc%2Fpip", {}, LABEL),
        ("http://gs1.org/voc/pip", {}, LABEL),
        ("gs1:defaultLink", {}, LABEL),
        ("gs1:recallStatus", BROWSER, LABEL),
        ("gs1:recallStatus", {"accept": "application/json"}, None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_type_that_is_there_is_led_to(
    resolver: Wire, method: str, link_type: str, headers: dict[str, str], location: str | None
) -> None:
    """With everything else that the query said, by CURIE or by either name of the vocabulary."""
    answer = resolver.send(asked(LABEL, link_type), method=method, headers=headers)
    assert answer.status == 307
    assert answer.headers["location"] == (location or f"/api/v1/verify?link={_quoted(LINK)}")
    assert 'rel="linkset"' in answer.headers["link"]
    assert "access-control-allow-origin" not in answer.headers


def test_the_query_goes_on_as_it_was(resolver: Wire) -> None:
    """Byte for byte, without the link type alone."""
    target = f"/01/{GTIN}/21/{SERIAL}?a=%41+b&linkType=gs1:pip&context=x&17=261231"
    assert resolver.send(target).headers["location"] == f"/01/{GTIN}/21/{SERIAL}?a=%41+b&context=x&17=261231"
    target = f"/01/{GTIN}/21/UNKNOWN?sig=x&linkType=gs1:pip"
    assert resolver.send(target).headers["location"] == f"/01/{GTIN}?sig=x"


@pytest.mark.parametrize("headers", [{}, {"accept": "*/*"}, LINKSETS])
def test_several_links_of_a_type_are_shown_all(resolver: Wire, headers: dict[str, str]) -> None:
    """Where nothing tells which is meant: the page, or what programs read."""
    answer = resolver.send(asked(LABEL, "gs1:recallStatus"), headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (300, "application/linkset+json")
    (item,) = json.loads(answer.body)["linkset"]
    assert [link["type"] for link in item[f"{VOCABULARY}recallStatus"]] == ["text/html", "application/json"]
    assert {name for name in item if "/" in name} == {f"{VOCABULARY}recallStatus"}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (asked(LABEL, "gs1:nosuchlt"), 404),
        (asked(LABEL, "gs1:verificationService"), 404),
        (asked(LABEL, "schema:url"), 404),
        (asked(LABEL, "pip"), 404),
        (asked(LABEL, ""), 404),
        (asked(f"/01/{GTIN}/21/UNKNOWN", "gs1:recallStatus"), 404),
        (asked(f"/01/{STRANGE}", "gs1:pip"), 404),
        (asked(f"/01/{STRANGE}", "linkset"), 404),
        (asked(f"/01/{STRANGE}/21/A", "linkset"), 404),
        (asked(f"/01/{GTIN}/235/A", "linkset"), 404),
        (asked(asked(LABEL, "gs1:pip"), "gs1:pip"), 400),
        (asked(f"/01/{STRANGE[:-1]}3", "linkset"), 400),
        (asked(f"/01/{GTIN}/21/A/foo", "linkset"), 400),
        (asked(f"/01/{GTIN}/foo", "gs1:pip"), 400),
        (asked(f"/01/{GTIN}/21/A/10/B", "linkset"), 400),
        (asked(f"/01/{GTIN}/21/A?01={GTIN}", "linkset"), 400),
        (asked(f"/01/{GTIN}/21/A%00", "linkset"), 400),
        (asked(f"/01/{GTIN[1:]}", "linkset"), 400),
    ],
)
def test_what_is_not_there_is_no_success(site: Site, resolver: Wire, target: str, status: int) -> None:
    """In JSON for programs, in a page for people, and noted for neither."""
    program, person = resolver.send(target), resolver.send(target, headers=BROWSER)
    assert (program.status, person.status) == (status, status)
    assert program.headers["content-type"] == "application/json"
    assert json.loads(program.body)["error"]["message"]
    assert program.headers["access-control-allow-origin"] == "*"
    if "linkset" not in target:
        assert Page(person.body.decode()).faults == []
        assert "access-control-allow-origin" not in person.headers
    assert site.noted.scans == []


def test_a_store_that_is_away_is_not_an_answer(site: Site, resolver: Wire) -> None:
    """Nothing is said of the product, and trying again is worth it."""
    site.shelf.away = True
    for target in (asked(LABEL, "linkset"), asked(LABEL, "gs1:pip"), f"/01/{GTIN}"):
        answer = resolver.send(target, headers=BROWSER)
        assert answer.status == 503
        assert "retry-after" in answer.headers


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gs1:pip", "pip"),
        ("https://gs1.org/voc/pip", "pip"),
        ("https://ref.gs1.org/voc/pip", "pip"),
        ("https://www.gs1.org/voc/pip", None),
        ("https://gs1.org.evil.example/voc/pip", None),
        ("gs1:pip/x", None),
        ("gs1:", None),
    ],
)
def test_link_types_are_those_of_the_vocabulary(text: str, name: str | None) -> None:
    """Under the name that the standard uses, the one that linksets use, or the prefix."""
    assert named(text) == name


# ------------------------------------------------------------------------------------------------- pages, as they were


def test_the_printed_link_is_its_own_default(site: Site, resolver: Wire) -> None:
    """A browser gets the verdict at once, says where its links are, and that is a scan; no page of others may read it."""
    for headers in (BROWSER, {}, {"accept": "*/*"}):
        answer = resolver.send(LABEL, headers=headers)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.headers["link"].startswith("<?linkType=linkset>")
        assert "access-control-allow-origin" not in answer.headers
    assert len(site.noted.scans) == 3


def test_a_product_has_a_page(site: Site, resolver: Wire) -> None:
    """With the name that the anchored manifest gives it, and a field for an item's number; that is no scan."""
    for path in (f"/01/{GTIN}", f"/01/{GTIN}/", f"/01/{GTIN}/10/B2608"):
        answer = resolver.send(path, headers=BROWSER)
        assert answer.status == 200
        page = Page(answer.body.decode())
        assert page.faults == []
        assert "Bamboo Spring Reserve" in answer.body.decode()
        assert [one["value"] for one in page.all("input") if one["name"] == "gtin"] == [GTIN]
    assert site.noted.scans == []
    site.checks.table[SERIAL] = BY_NAME["altered"]
    assert "Bamboo" not in resolver.send(f"/01/{GTIN}").body.decode()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_unknown_product_is_said_to_be_unknown(site: Site, resolver: Wire, language: str) -> None:
    """In a page, in both languages; what is no number at all stays unreadable."""
    answer = resolver.send(f"/01/{STRANGE}", headers={"accept-language": language})
    assert answer.status == 404
    assert ("We do not know this product number" in answer.body.decode()) == (language == "en")
    assert site.checks.asked == []
    assert resolver.send(f"/01/{STRANGE[:-1]}3").status == 400
    assert site.checks.asked == [f"{ROOT}/01/{STRANGE[:-1]}3"]


def test_options_say_what_may_be_asked(site: Site, resolver: Wire) -> None:
    """Nothing is looked up for it."""
    answer = resolver.send(LABEL, method="OPTIONS", headers={"origin": "https://shop.example"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-methods"] == answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert site.checks.asked == []
    assert resolver.send(LABEL, method="POST").status == 405


def test_the_resolver_describes_itself(site: Site) -> None:
    """Where it is, what it knows, and who answers for it if the operator says so."""
    answer = site.wire().send("/.well-known/gs1resolver")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["access-control-allow-origin"] == "*"
    said = json.loads(answer.body)
    assert (said["resolverRoot"], said["supportedPrimaryKeys"]) == (ROOT, ["01"])
    assert said["supportedLinkType"] == [{"namespace": VOCABULARY, "prefix": "gs1:"}]
    assert said["linkTypeDefaultCanBeLinkset"] is False
    assert "contact" not in said
    named = site.wire(root="https://other.example", contact="Alliance").send("/.well-known/gs1resolver")
    assert json.loads(named.body) == {**said, "resolverRoot": "https://other.example", "contact": {"fn": "Alliance"}}


def _quoted(link: str) -> str:
    return link.replace(":", "%3A").replace("/", "%2F").replace("?", "%3F").replace("=", "%3D")
