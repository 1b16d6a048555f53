"""Passwords to keys, and sealed bytes: vectors, inverse pair, damage, secrecy of messages."""

from __future__ import annotations

import builtins
import copy
import pickle
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cssv.payload
from cssv.errors import MissingExtraError, OptionError, OptionTypeError, PasswordError
from cssv.payload import sealing
from cssv.payload.sealing import OVERHEAD, PayloadKey, expand_key
from cssv.testing import sealing_reader

SPEC = (Path(cssv.payload.__file__).parent / "SPEC.md").read_text(encoding="utf-8")
#: Fixed keys, so that most tests need no slow derivation.
KEY = PayloadKey(bytes(range(32)), bytes(range(64)))


@pytest.fixture(scope="module")
def cafe():
    return PayloadKey.from_password("caf\u00e9")


def test_the_vectors_of_the_page(cafe):
    # The page breaks long values.
    shown = re.sub(r"\s+", "", SPEC)
    assert f"positions{cafe.positions.hex()}sealing{cafe.sealing.hex()}" in shown
    assert cafe.seal(b"the room", b"CSSV window").hex() in shown
    assert cafe.seal(bytes(range(40)), b"").hex() in shown


def test_the_vector_of_rfc_5297():
    """Appendix A.1, "deterministic authenticated encryption example"; its key is one of AES-128."""
    key = PayloadKey(b"", bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"))
    context = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    plain = bytes.fromhex("112233445566778899aabbccddee")
    sealed = bytes.fromhex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c")
    assert key.seal(plain, context) == sealed
    assert key.open(sealed, context) == plain
    assert sealing_reader.open_sealed(key.sealing, sealed, context) == plain


def test_the_vector_of_rfc_5869():
    """Appendix A.1, its second step."""
    master = bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert expand_key(master, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"), 42).hex() == expected


def test_the_second_reader_derives_the_same_keys(cafe):
    assert sealing_reader.password_keys("cafe\u0301") == (cafe.positions, cafe.sealing)


@given(st.binary(min_size=1, max_size=100), st.binary(max_size=40))
def test_opening_is_the_inverse_of_sealing(plain, context):
    sealed = KEY.seal(plain, context)
    assert len(sealed) == len(plain) + OVERHEAD
    assert KEY.open(sealed, context) == plain
    assert sealing_reader.open_sealed(KEY.sealing, sealed, context) == plain
    # Equal arguments give equal bytes.
    assert KEY.seal(plain, context) == sealed


@given(st.binary(min_size=1, max_size=40), st.data())
def test_any_changed_bit_is_found(plain, data):
    sealed = bytearray(KEY.seal(plain, b"context"))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PasswordError, match="password is wrong, or the content is damaged"):
        KEY.open(bytes(sealed), b"context")
    assert sealing_reader.open_sealed(KEY.sealing, bytes(sealed), b"context") is None


@given(st.binary(max_size=100), st.binary(max_size=10))
def test_other_bytes_do_not_open(data, context):
    with pytest.raises(PasswordError):
        KEY.open(data, context)


@pytest.mark.parametrize("size", [0, 1, 15, 16])
def test_truncated_bytes_do_not_open(size):
    sealed = KEY.seal(b"the room", b"")[:size]
    with pytest.raises(PasswordError):
        KEY.open(sealed, b"")
    assert sealing_reader.open_sealed(KEY.sealing, sealed, b"") is None


def test_another_key_or_context_does_not_open():
    sealed = KEY.seal(b"the room", b"one")
    for key, context in ((KEY, b"two"), (KEY, b""), (PayloadKey(KEY.positions, bytes(64)), b"one")):
        with pytest.raises(PasswordError):
            key.open(sealed, context)


def test_nothing_is_not_sealed():
    with pytest.raises(OptionError, match="found '0 bytes'; allowed: at least 1 byte"):
        KEY.seal(b"", b"")


def test_passwords_give_different_keys_for_each_use(cafe):
    other = PayloadKey.from_password("cafe")
    parts = {cafe.positions, cafe.sealing[:32], cafe.sealing[32:]}
    parts |= {other.positions, other.sealing[:32], other.sealing[32:]}
    assert len(parts) == 6
    assert {len(part) for part in parts} == {32}


def test_a_key_is_derived_once_in_a_process(cafe, monkeypatch):
    monkeypatch.setattr(sealing.hashlib, "scrypt", None)
    # Composed and decomposed accents are one password.
    assert PayloadKey.from_password("cafe\u0301") == cafe


@pytest.mark.parametrize("password", ["", "s3cret\ud800"])
def test_a_password_that_cannot_be_used(password):
    with pytest.raises(OptionError, match="the password is") as caught:
        PayloadKey.from_password(password)
    assert "s3cret" not in str(caught.value)
    # What Python prints as the cause must not show it either.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_password_is_a_text():
    with pytest.raises(OptionTypeError, match="found 'bytes'"):
        PayloadKey.from_password(b"s3cret")


def test_keys_are_not_shown(cafe):
    for text in (repr(cafe), str(cafe), f"{[cafe]}"):
        assert "PayloadKey(...)" in text
        assert cafe.positions.hex() not in text
        assert repr(cafe.sealing) not in text


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda key: pickle.loads(pickle.dumps(key))])
def test_keys_reach_other_processes(duplicate):
    found = duplicate(KEY)
    assert found == KEY
    assert hash(found) == hash(KEY)
    assert found.open(KEY.seal(b"the room", b"x"), b"x") == b"the room"


def test_a_missing_package_is_named(monkeypatch):
    real = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
    for use in (lambda: KEY.seal(b"x", b""), lambda: KEY.open(bytes(20), b"")):
        with pytest.raises(MissingExtraError, match=re.escape("pip install '.[password]'")):
            use()


def test_a_package_without_the_cipher_is_named(monkeypatch):
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import aead

    def refuse(_):
        raise UnsupportedAlgorithm("AES-SIV is not supported")

    monkeypatch.setattr(aead, "AESSIV", refuse)
    with pytest.raises(MissingExtraError, match="has no AES-SIV: found 'AES-SIV is not supported'"):
        KEY.seal(b"x", b"")
