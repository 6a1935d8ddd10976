"""Names of devices, and the cards that CUDA_VISIBLE_DEVICES makes visible to a process."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .nvml import Card

# JAX's plugin for CUDA raises an error if all cards are hidden, unless JAX is told to ignore it.
WITHOUT_CUDA = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}


def parse_device(text: str) -> str:
    """Parse the name of a device on the command line.

    Raises:
        ValueError: it is not a device.
    """
    if not re.fullmatch(r"auto|cpu|cuda|cuda:(\d{1,3}|(GPU|MIG)-[\w/-]+)", text, re.ASCII):
        raise ValueError(
            f"{text} is not a device: say auto, cpu, cuda, cuda:N for a card by its number, or "
            "cuda:UUID"
        )
    return text


def visible(cards: Sequence[Card], variable: str | None) -> list[Card]:
    """Select the cards that CUDA_VISIBLE_DEVICES makes visible, in its order.

    Numbers count cards as nvidia-smi does, by the PCI bus. (CUDA itself counts the fastest first
    unless CUDA_DEVICE_ORDER is PCI_BUS_ID, which is the same where all cards are of one model.) A
    card in MIG mode stands for its first instance, of which a process can have one only.

    Args:
        cards: cards of the machine.
        variable: value of CUDA_VISIBLE_DEVICES; None if it is not set.
    """
    if variable is None:
        return list(cards)
    chosen: list[Card] = []
    for entry in map(str.strip, variable.split(",")):
        card = named(cards, entry)
        # As in CUDA, an entry that names no card hides all entries after it.
        if card is None:
            break
        if card in chosen:
            return []  # as CUDA does too
        chosen.append(card)
    return chosen


def named(cards: Sequence[Card], entry: str) -> Card | None:
    """Find a card by its number, its UUID, or a unique prefix of its UUID."""
    if entry.startswith(("GPU-", "MIG-")):
        exact = [card for card in cards if entry in (card.uuid, *card.aliases)]
        alike = [card for card in cards if card.uuid and card.uuid.startswith(entry)]
        # A card in MIG mode matches several instances; its first instance is meant.
        return exact[0] if exact else alike[0] if len(alike) == 1 else None
    # Parsed like strtol: "1gpu" is 1, "-1" and "" name no card.
    number = re.match(r"\+?(\d+)", entry, re.ASCII)
    indices = list(dict.fromkeys(card.index for card in cards))
    if number is None or int(number[1]) >= len(indices):
        return None
    return next(card for card in cards if card.index == indices[int(number[1])])


def variables_for_card(card: str | None) -> dict[str, str]:
    """Environment variables with which a process sees a single card.

    Args:
        card: value of CUDA_VISIBLE_DEVICES; None leaves the variable unchanged.
    """
    if card is None:
        return {}
    # A card without a UUID is identified by its number, as in nvidia-smi.
    return {"CUDA_VISIBLE_DEVICES": card, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
