"""Adapters from options: every command that reads the chain, opens the store or signs says so with one decorator.

Each option can also come from the environment (docs/operating.md), but no secret can: a keystore's passphrase comes by prompt
or from a file.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from registry.chain.deployment import load_trust
from registry.chain.endpoints import connect
from registry.chain.reader import ChainReader
from registry.chain.writer import ChainWriter
from registry.errors import DocumentError, StoreError
from registry.keys import KeystoreSigner, read_passphrase
from registry.storage.backup import Site
from registry.storage.ledger import Ledgers
from registry.storage.store import Store
from registry.tokens import TokenSigner, TokenUri, is_uri, read_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from web3 import Web3

    from registry.chain.transactions import Signer
    from registry.checking.trust import Trust
    from registry.issuing.batches import StoredBatch

    Command = Callable[..., Any]

COIN = 10**18
"""Wei to a coin."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain as the options name it."""

    trust: Trust
    endpoints: tuple[Web3, ...]

    def readers(self) -> tuple[ChainReader, ...]:
        """Return one reader for each deployment that the trust file lists, the current one first."""
        return tuple(ChainReader(self.endpoints, self.trust, deployment) for deployment in self.trust.deployments)

    def reader(self) -> ChainReader:
        """Return the reader of the current deployment."""
        return self.readers()[0]

    def writer(self, signer: Signer, *, fee_cap: float | None = None) -> ChainWriter:
        """Return a writer to the current deployment; `fee_cap` is in the chain's coin."""
        return ChainWriter(self.reader(), signer, fee_cap=None if fee_cap is None else round(fee_cap * COIN))


def ask(label: str, *, twice: bool = False) -> Callable[[], str]:
    """Return a hidden prompt; `twice` asks again to see that both are the same."""
    return lambda: str(click.prompt(label, hide_input=True, err=True, confirmation_prompt=twice))


def path(*, exists: bool = False, folder: bool = False) -> click.Path:
    """Return the type of an option that is a path."""
    return click.Path(exists=exists, dir_okay=folder, file_okay=not folder, path_type=Path)


def options_of(other: Command) -> Callable[[Command], Command]:
    """Add the options of another function, for a command that hands them on to it, or to nothing at all."""

    def add(command: Command) -> Command:
        command.__click_params__ = [*getattr(command, "__click_params__", ()), *other.__click_params__]  # type: ignore[attr-defined]  # where click keeps them
        return command

    return add


def rpc_option(command: Command) -> Command:
    """Add `--rpc`."""
    return click.option(
        "--rpc",
        envvar="TOUCHSTONE_RPC",
        show_envvar=True,
        default="http://127.0.0.1:8545",
        show_default=True,
        help="Chain endpoints, separated by commas; the first that answers is used.",
    )(command)


def chain_options(command: Command) -> Command:
    """Add `--trust` and `--rpc`, handed on as a ready `chain`."""

    @wraps(command)
    def build(rpc: str, trust: Path | None, **rest: Any) -> Any:
        if trust is None:
            raise click.MissingParameter(param_hint="'--trust'", param_type="option")
        if not trust.is_file():
            raise DocumentError(
                f"the trust file {trust} is not there",
                hint="`touchstone deploy` writes it; name it with --trust or TOUCHSTONE_TRUST",
            )
        return command(chain=Chain(load_trust(trust), connect(rpc)), **rest)

    option = click.option(
        "--trust",
        type=path(),
        envvar="TOUCHSTONE_TRUST",
        show_envvar=True,
        help="The trust file that `touchstone deploy` wrote: registry id, contracts, finality.",
    )
    return rpc_option(option(build))


def store_options(command: Command) -> Command:
    """Add `--database` and `--trees`, handed on as an open `store`; one that is not there is refused.

    An empty store in its place would have no record of anything, which is not what the chain's batches deserve.
    """
    return _store_options(command, create=False)


def new_store_options(command: Command) -> Command:
    """Add `--database` and `--trees`, handed on as an open `store`, made if it is not there yet."""
    return _store_options(command, create=True)


def ledger_options(command: Command) -> Command:
    """Add `--database` and `--trees`, handed on as an open `store` and its label `ledgers`, which can be written."""
    return _store_options(command, create=False, with_ledgers=True)


def _store_options(command: Command, *, create: bool, with_ledgers: bool = False) -> Command:
    @wraps(command)
    def build(database: str, trees: Path, archive: str | None, **rest: Any) -> Any:
        with ExitStack() as opened:
            store = Store.open(database, trees, create=create, archive=archive)
            adapters: dict[str, Any] = {"store": opened.enter_context(store)}
            if with_ledgers:
                adapters["ledgers"] = opened.enter_context(Ledgers.open(database))
            return command(**adapters, **rest)

    return _place_options(build)


def _place_options(command: Command) -> Command:
    """Add `--database`, `--trees` and `--archive`."""
    database = click.option(
        "--database",
        envvar="TOUCHSTONE_DATABASE_URL",
        show_envvar=True,
        default="sqlite:///registry.db",
        show_default=True,
        help="The store's database URL.",
    )
    trees = click.option(
        "--trees",
        type=path(folder=True),
        envvar="TOUCHSTONE_TREES",
        show_envvar=True,
        default="trees",
        show_default=True,
        help="The folder of the tree files.",
    )
    archive = click.option(
        "--archive",
        envvar="TOUCHSTONE_ARCHIVE",
        show_envvar=True,
        help="Where older tree files are: another folder, or the http(s) address below which they lie.",
    )
    return database(trees(archive(command)))


def site_options(command: Command) -> Command:
    """Add the options that say where everything of a site is, handed on as a `site`."""

    @wraps(command)
    def build(
        database: str, trees: Path, archive: str | None, scans: str | None, desk: str | None, trust: Path | None, **rest: Any
    ) -> Any:
        named = {"registry": database, "scans": scans, "desk": desk}
        databases = {role: url for role, url in named.items() if url}
        return command(site=Site(databases, trees, archive, trust), **rest)

    scans_of = click.option(
        "--scans", envvar="TOUCHSTONE_SCANS_URL", show_envvar=True, help="The database of scans, histories and reports."
    )
    desk_of = click.option("--desk", envvar="TOUCHSTONE_DESK_URL", show_envvar=True, help="The desk's database.")
    trust_of = click.option("--trust", type=path(), envvar="TOUCHSTONE_TRUST", show_envvar=True, help="The trust file.")
    return _place_options(scans_of(desk_of(trust_of(build))))


scans_option = click.option(
    "--scans",
    "url",
    envvar="TOUCHSTONE_SCANS_URL",
    show_envvar=True,
    required=True,
    help="The database of scans, histories and reports.",
)


def batch_of(store: Store, seal: bytes) -> StoredBatch:
    """Return the batch of a seal. Raises `StoreError` if the store has none."""
    batch = store.batch(seal)
    if batch is None:
        raise StoreError(
            f"batch 0x{seal.hex()} is not in this store",
            hint="see that --database and --trees name the store, and the seal is as `touchstone register` printed it",
        )
    return batch


class KeyPlace(click.ParamType):  # type: ignore[type-arg]  # generic for the checker alone
    """Where a key is: a file that is there, or a URI of PKCS#11."""

    name = "file or pkcs11:…"

    def __init__(self, *, exists: bool = True) -> None:
        self._file = path(exists=exists)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | TokenUri:
        """Return the path, or what the URI names."""
        if isinstance(value, str) and is_uri(value):
            return read_uri(value)
        return Path(os.fsdecode(self._file.convert(value, param, ctx)))


def open_signer(place: Path | TokenUri, passphrase_file: Path | None) -> Signer:
    """Return the key at a place, opened with what a file says or a person types."""
    if isinstance(place, TokenUri):
        return TokenSigner(place, pin_of(place, passphrase_file))
    passphrase = read_passphrase(passphrase_file, ask(f"Passphrase of {place.name}"))
    return KeystoreSigner(place, passphrase)


def pin_of(place: TokenUri, file: Path | None) -> str:
    """Return a token's PIN, from the file that an option or the URI names, or as a person types it."""
    source = file or (Path(place.pin_source) if place.pin_source else None)
    return read_passphrase(source, ask(f"PIN of token {place.token or place.serial}"))


def signer_options(command: Command) -> Command:
    """Add `--keystore` and `--passphrase-file`, handed on as an opened `signer`."""

    @wraps(command)
    def build(keystore: Path | TokenUri, passphrase_file: Path | None, **rest: Any) -> Any:
        return command(signer=open_signer(keystore, passphrase_file), **rest)

    keystore = click.option(
        "--keystore",
        type=KeyPlace(),
        required=True,
        help="Key of the account that acts: a keystore file (version 3), or the URI of a key on a token (pkcs11:…).",
    )
    passphrase = click.option(
        "--passphrase-file",
        type=path(exists=True),
        help="File whose first line is the passphrase, or the token's PIN; asked for otherwise.",
    )
    return keystore(passphrase(build))


fee_cap_option = click.option(
    "--fee-cap",
    type=click.FloatRange(min=0, min_open=True),
    help="Refuse to pay more than this for one transaction, in the chain's coin.",
)


def writer_options(command: Command) -> Command:
    """Add the options of whoever sends transactions, handed on as a ready `writer`."""

    @wraps(command)
    def build(chain: Chain, signer: Signer, fee_cap: float | None, **rest: Any) -> Any:
        return command(writer=chain.writer(signer, fee_cap=fee_cap), **rest)

    return chain_options(signer_options(fee_cap_option(build)))
