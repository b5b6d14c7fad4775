"""One endpoint: questions in, answers out, and every way in which an endpoint can fail to answer named as such.

Everything that is asked at once goes into one JSON-RPC batch. The seam is web3's provider: whatever provider a `Web3` object
holds is called directly, so that anvil, Hardhat's node and any endpoint on the network differ in nothing else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider, Web3

from registry.chain.rpc_errors import Fault, fault, silence
from registry.errors import ChainError, ChainUnavailable, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from web3.types import RPCEndpoint

    Question = tuple[str, list[Any]]

TIMEOUT: Final = 5.0
QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
BYTES: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
WORD: Final = 32
LOST: Final = (requests.ConnectionError, ConnectionError)


@dataclass(frozen=True, slots=True)
class Head:
    """A block, as much of it as we use."""

    number: int
    time: int
    """Unix seconds."""
    hash: bytes
    base_fee: int | None = None
    """Wei for a unit of gas; none on a chain without EIP-1559."""


def connect(urls: str | Iterable[str], *, timeout: float = TIMEOUT) -> tuple[Web3, ...]:
    """Return an endpoint for each URL (or for a text with commas between them); nothing is asked yet.

    A request waits `timeout` seconds at most and is not repeated: there may be another endpoint, and the caller decides.
    Raises `InputError` for what is not an http or https URL.
    """
    listed = urls.split(",") if isinstance(urls, str) else urls
    cleaned = [url.strip() for url in listed if url.strip()]
    if not cleaned:
        raise InputError("found no chain endpoint, expected at least one URL", hint="name it with --rpc or TOUCHSTONE_RPC")
    return tuple(_web3(url, timeout) for url in cleaned)


def _web3(url: str, timeout: float) -> Web3:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        usable = False
    if not usable:
        # The URL itself is not shown: it may hold an access key.
        raise InputError("a chain endpoint is not an http or https URL", hint="it looks like http://127.0.0.1:8545")
    return Web3(HTTPProvider(url, request_kwargs={"timeout": timeout}, exception_retry_configuration=None))


class Endpoint:
    """One provider, asked in batches."""

    def __init__(self, w3: Web3) -> None:
        self._provider = w3.provider
        self._batches = hasattr(w3.provider, "make_batch_request")
        self.name = _name(w3)

    def ask(self, questions: Sequence[Question]) -> list[Any | Fault]:
        """Return an answer or a `Fault` for each question, in their order.

        Raises `ChainUnavailable` if the endpoint does not answer, or answers with something else than JSON-RPC, and one of
        `LOST` if there is no connection or it was lost.
        """
        if len(questions) > 1 and self._batches:
            answers = self._ask_together(questions)
            if answers is not None:
                return answers
            self._batches = False
        return [self._ask_one(question) for question in questions]

    def _ask_together(self, questions: Sequence[Question]) -> list[Any | Fault] | None:
        """Return the answers to a batch; none if this endpoint takes no batches."""
        batch = [(_method(name), params) for name, params in questions]
        try:
            replies = self._call(lambda: self._provider.make_batch_request(batch))  # type: ignore[attr-defined]  # of most providers
        except NotImplementedError:
            return None
        if isinstance(replies, dict) and "error" in replies:
            # One error for the whole batch. Asked one by one, a true refusal shows itself again.
            if (refused := fault(replies["error"])).limited:
                raise ChainUnavailable(f"{self.name} limits requests: {refused.message}", hint="wait, or name another endpoint")
            return None
        if not isinstance(replies, list) or len(replies) != len(questions):
            raise ChainUnavailable(f"{self.name} does not answer each of {len(questions)} questions of a batch once")
        ids = [reply["id"] for reply in replies if isinstance(reply, dict) and isinstance(reply.get("id"), int)]
        # web3 numbers the questions of all threads by one counter: those of a batch ascend, with gaps between them.
        if len(ids) == len(replies) and any(one >= following for one, following in pairwise(ids)):
            raise ChainUnavailable(f"{self.name} mixes up the answers of a batch")
        return [self._answer(reply) for reply in replies]

    def _ask_one(self, question: Question) -> Any | Fault:
        name, params = question
        return self._answer(self._call(lambda: self._provider.make_request(_method(name), params)))

    def _call(self, send: Callable[[], object]) -> object:
        try:
            return send()
        except NotImplementedError:
            raise
        except Exception as error:  # any provider may be plugged in, and each raises its own
            if isinstance(error, LOST) and not isinstance(error, requests.Timeout):
                raise
            raise silence(self.name, error) from None  # the cause quotes the URL, which may hold an access key

    def _answer(self, reply: object) -> Any | Fault:
        if isinstance(reply, dict):
            if reply.get("error") is not None:
                return fault(reply["error"])
            if "result" in reply:
                return reply["result"]
        raise ChainUnavailable(f"{self.name} answers with something else than JSON-RPC")

    # ------------------------------------------------------------------------------ what an answer must look like

    def quantity(self, answer: object, what: str) -> int:
        """Return a number. Raises `ChainUnavailable` if the answer is none."""
        self.said(answer, what)
        if not isinstance(answer, str) or not QUANTITY.fullmatch(answer):
            raise self.malformed(what, answer)
        return int(answer, 16)

    def octets(self, answer: object, what: str) -> bytes:
        """Return bytes. Raises `ChainUnavailable` if the answer is none."""
        self.said(answer, what)
        if not isinstance(answer, str) or not BYTES.fullmatch(answer):
            raise self.malformed(what, answer)
        return bytes.fromhex(answer[2:])

    def word(self, answer: object, what: str) -> bytes:
        """Return 32 bytes. Raises `ChainUnavailable` if the answer is something else."""
        value = self.octets(answer, what)
        if len(value) != WORD:
            raise self.malformed(what, answer)
        return value

    def block(self, answer: object, what: str) -> Head:
        """Return a block's header. Raises `ChainUnavailable` if the answer is none."""
        self.said(answer, what)
        if not isinstance(answer, dict):
            raise self.malformed(what, answer)
        base_fee = answer.get("baseFeePerGas")
        return Head(
            number=self.quantity(answer.get("number"), what),
            time=self.quantity(answer.get("timestamp"), what),
            hash=self.word(answer.get("hash"), what),
            base_fee=None if base_fee is None else self.quantity(base_fee, what),
        )

    def said(self, answer: object, what: str) -> None:
        """Raise `ChainUnavailable` if the node refused to answer."""
        if isinstance(answer, Fault):
            hint = "the endpoint limits requests: wait, or name another endpoint" if answer.limited else None
            raise ChainUnavailable(f"{self.name} does not say {what}: {answer.message}", hint=hint)

    def malformed(self, what: str, answer: object) -> ChainError:
        """Return that an answer makes no sense: a missing answer never becomes a value."""
        return ChainUnavailable(f"{self.name} gives {_short(answer)} as {what}")


def _name(w3: Web3) -> str:
    """Return the host of an endpoint, never its path or credentials."""
    url = getattr(w3.provider, "endpoint_uri", None)
    parts = urlsplit(str(url)) if url else None
    if parts is None or not parts.hostname:
        return type(w3.provider).__name__
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname


def _method(name: str) -> RPCEndpoint:
    return name  # type: ignore[return-value]  # a NewType of web3's


def _short(answer: object) -> str:
    text = json.dumps(answer, default=repr)
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - what fits a line
