"""The development chain: kept on disk whatever is killed, and never left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from web3 import Web3

from registry.chain.devchain import Anvil, anvil_program
from registry.checking.trust import Reason
from registry.errors import ChainUnavailable
from tests.chain.stage import KEY, NUMBER, SEAL, WITHDRAWN, NodeStage, address, reasons, seal_of

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def program(require_backend: Callable[[str], Path]) -> Path:
    """Give the native anvil."""
    return require_backend("anvil")


def again(stage: NodeStage, chain: Anvil) -> NodeStage:
    """Return the stage over a chain that was started again."""
    other = NodeStage(chain.url, blocks_to_final=chain.blocks_to_final, node="anvil")
    other.deployment, other.trust = stage.deployment, stage.trust
    return other


def gone(pid: int) -> bool:
    """Say whether a process ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text() if Path(f"/proc/{pid}").exists() else False


def test_a_chain_goes_on_after_a_stop(program: Path, own_anvil: Anvil, own_stage: NodeStage, tmp_path: Path) -> None:
    """Everything is there: what is final, what is pending, logs, receipts, and the state of final blocks."""
    own_stage.anchor(KEY, seal_of("pending"))
    transaction = own_stage.reader().anchor_transaction(NUMBER, SEAL)
    own_anvil.stop()
    with Anvil(tmp_path / "chain.json", program=program, epoch_slots=2) as chain:
        stage = again(own_stage, chain)
        facts = stage.facts()
        assert facts.batch(NUMBER, SEAL, address(KEY)).anchor is not None
        assert facts.batch(NUMBER, seal_of("pending"), address(KEY)).pending_anchor is not None
        assert facts.domains() == ("verify.example.org",)
        assert facts.anchor_transaction(NUMBER, SEAL) == transaction
        assert reasons(facts, NUMBER, SEAL, (0, WITHDRAWN)) == [[], [Reason.STOLEN]]
        stage.finalize()
        assert stage.facts().batch(NUMBER, seal_of("pending"), address(KEY)).anchor is not None


def test_a_kill_loses_the_last_second_at_most(program: Path, own_anvil: Anvil, own_stage: NodeStage, tmp_path: Path) -> None:
    """What was saved is whole, and reads at the finality work."""
    own_anvil.save()
    own_anvil.kill()
    with Anvil(tmp_path / "chain.json", program=program, epoch_slots=2) as chain:
        assert again(own_stage, chain).facts().batch(NUMBER, SEAL, address(KEY)).anchor is not None
        assert [one.seal for one in again(own_stage, chain).reader().anchored_batches(NUMBER)] == [SEAL]


def test_the_state_is_saved_without_being_asked(own_anvil: Anvil, own_stage: NodeStage, tmp_path: Path) -> None:
    """A new block is on disk soon after; a chain at rest is not written again."""
    own_stage.mine()
    newest = own_stage.request("eth_getBlockByNumber", "latest", False)["hash"]  # noqa: FBT003 - JSON-RPC
    deadline = time.monotonic() + 20
    while own_anvil._saved != newest and time.monotonic() < deadline:
        time.sleep(0.02)
    assert own_anvil._saved == newest
    before = (tmp_path / "chain.json").stat().st_mtime_ns
    own_anvil.save()
    assert (tmp_path / "chain.json").stat().st_mtime_ns == before


def test_final_is_a_fixed_number_of_blocks_behind(own_anvil: Anvil) -> None:
    """`finalize` makes exactly as many blocks as it takes, all with the present time."""

    def block(tag: str) -> tuple[int, int]:
        found = own_anvil.request("eth_getBlockByNumber", tag, False)  # noqa: FBT003 - JSON-RPC
        return int(found["number"], 16), int(found["timestamp"], 16)

    own_anvil.mine(3)
    newest, _ = block("latest")
    own_anvil.mine(own_anvil.blocks_to_final - 1)
    assert block("finalized")[0] == newest - 1
    own_anvil.mine()
    assert block("finalized")[0] == newest
    own_anvil.finalize()
    assert abs(block("latest")[1] - time.time()) < 60
    before = block("latest")[1]
    own_anvil.increase_time(1000)
    assert block("latest")[1] >= before + 1000


def test_accounts_have_coins_and_keys(own_anvil: Anvil) -> None:
    """They are the accounts of every development chain."""
    assert own_anvil.accounts[0] == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert len(own_anvil.private_key(0)) == 32
    assert own_anvil.w3().eth.get_balance(Web3.to_checksum_address(own_anvil.accounts[9])) > 0
    own_anvil.fund(address("somebody"), 3)
    assert own_anvil.w3().eth.get_balance(Web3.to_checksum_address(address("somebody"))) == 3 * 10**18


def test_it_ends_with_its_block(program: Path) -> None:
    """The process is ended by its id, also where the block raises."""
    chain = Anvil(program=program)

    def fail() -> None:
        with chain:
            pids.append(chain.pid)
            raise ZeroDivisionError

    pids: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert gone(pids[0])
    assert not chain.running
    with pytest.raises(ChainUnavailable):
        _ = chain.pid
    chain.stop()


def test_a_taken_port_is_named(program: Path) -> None:
    """Another program's answers are never taken for anvil's."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ChainUnavailable, match=f"port {port}") as caught:
            Anvil(program=program, port=port).start()
    assert "another port" in (caught.value.hint or "")


def test_a_fixed_port_is_used(program: Path) -> None:
    """And free again afterwards."""
    with Anvil(program=program) as first:
        port = first.port
    with Anvil(program=program, port=port) as chain:
        assert chain.url == f"http://127.0.0.1:{port}"


def test_two_programs_do_not_share_a_state(program: Path, own_anvil: Anvil, tmp_path: Path) -> None:
    """The second is refused, and the first goes on."""
    with pytest.raises(ChainUnavailable, match=r"chain\.json"):
        Anvil(tmp_path / "chain.json", program=program).start()
    assert own_anvil.request("eth_chainId") == "0x7a69"


def test_a_damaged_state_is_not_begun_anew(program: Path, tmp_path: Path) -> None:
    """A chain that vanished silently would be worse than one that does not start."""
    (tmp_path / "chain.json").write_text('{"block": ')
    with pytest.raises(ChainUnavailable) as caught:
        Anvil(tmp_path / "chain.json", program=program).start()
    assert "move it away" in (caught.value.hint or "")
    assert (tmp_path / "chain.json").read_text() == '{"block": '


def test_an_anvil_that_a_killed_program_left_is_ended(program: Path, tmp_path: Path) -> None:
    """It would go on with a chain of its own."""
    code = (
        "import sys, pathlib; from registry.chain.devchain import Anvil\n"
        "chain = Anvil(pathlib.Path(sys.argv[1]), program=pathlib.Path(sys.argv[2]))\n"
        "chain.start(); chain.mine(5); chain.save()\n"
        "print(chain.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "chain.json"), str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as other:
        assert other.stdout is not None
        left = int(other.stdout.readline())
        other.send_signal(signal.SIGKILL)
    assert not gone(left)
    with Anvil(tmp_path / "chain.json", program=program) as chain:
        assert gone(left)
        assert int(chain.request("eth_blockNumber"), 16) == 5


def test_a_missing_anvil_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The setting is believed; without it the npm package's is looked for."""
    monkeypatch.setenv("TOUCHSTONE_ANVIL", str(tmp_path / "nothing"))
    with pytest.raises(ChainUnavailable, match="TOUCHSTONE_ANVIL"):
        anvil_program()
    monkeypatch.delenv("TOUCHSTONE_ANVIL")
    monkeypatch.setattr("registry.chain.devchain.platform.machine", lambda: "abacus")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ChainUnavailable) as caught:
        anvil_program()
    assert "make" in (caught.value.hint or "")
