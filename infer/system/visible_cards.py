"""Devices as people name them, and which cards a process sees by CUDA_VISIBLE_DEVICES."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .nvml import Card

# JAX's plugin for CUDA raises where all cards are hidden, unless JAX is told to leave it alone.
WITHOUT_CUDA = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}


def parse_device(text: str) -> str:
    """A device of the command line.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"auto|cpu|cuda|cuda:(\d{1,3}|(GPU|MIG)-[\w/-]+)", text, re.ASCII):
        raise ValueError(
            f"{text} is no device: say auto, cpu, cuda, cuda:N for a card by its number, or "
            "cuda:UUID"
        )
    return text


def visible(cards: Sequence[Card], variable: str | None) -> list[Card]:
    """The cards that CUDA_VISIBLE_DEVICES leaves, in its order.

    Numbers count cards as nvidia-smi does, by the PCI bus. (CUDA itself counts the fastest first
    unless CUDA_DEVICE_ORDER is PCI_BUS_ID, which is the same where all cards are of one model.) A
    card in MIG mode stands for its first instance, of which a process can have one only.

    Args:
        cards: of the machine.
        variable: its value; None where it is not set.
    """
    if variable is None:
        return list(cards)
    found: list[Card] = []
    for entry in map(str.strip, variable.split(",")):
        card = named(cards, entry)
        # As CUDA does: what names no card hides all that comes after it.
        if card is None:
            break
        if card in found:
            return []  # as CUDA does too
        found.append(card)
    return found


def named(cards: Sequence[Card], entry: str) -> Card | None:
    """The card of a number, a UUID, or the beginning of one that no other has."""
    if entry.startswith(("GPU-", "MIG-")):
        exact = [card for card in cards if entry in (card.uuid, *card.aliases)]
        alike = [card for card in cards if card.uuid and card.uuid.startswith(entry)]
        # Several are exact where a card in MIG mode is named: its first instance is meant.
        return exact[0] if exact else alike[0] if len(alike) == 1 else None
    # As strtol reads it: "1gpu" is 1, "-1" and "" name no card.
    number = re.match(r"\+?(\d+)", entry, re.ASCII)
    indices = list(dict.fromkeys(card.index for card in cards))
    if number is None or int(number[1]) >= len(indices):
        return None
    return next(card for card in cards if card.index == indices[int(number[1])])


def seeing(card: str | None) -> dict[str, str]:
    """The variables with which a process sees one card.

    Args:
        card: what CUDA_VISIBLE_DEVICES is; None leaves it as it is.
    """
    if card is None:
        return {}
    # A card without a UUID is known by its number, as nvidia-smi counts.
    return {"CUDA_VISIBLE_DEVICES": card, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
