"""The network that notebook 04 looks at: what is shipped, and the command that made it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.utils import parameters_to_vector

from course_kit import material
from tools import early_networks
from tutorial_lib import data, training


@pytest.mark.parametrize("source", early_networks.UPDATES)
def test_early_network_comes_from_seed_0(source: str) -> None:
    """Part of where it began is still in its weights; of another seed's beginning, nothing."""
    weights = parameters_to_vector(material.early_network(source).parameters())
    alike = [
        torch.cosine_similarity(weights, parameters_to_vector(net.parameters()), dim=0)
        for net in (material.fresh(0), material.fresh(1))
    ]
    assert 0.2 < alike[0] < 0.8 and abs(alike[1]) < 0.05


def test_early_network_reads_digits_and_makes_mistakes() -> None:
    digits = data.load("digits", verbose=False)
    loader = torch.utils.data.DataLoader(digits.test, batch_size=300)
    found = training.evaluate(material.early_network("digits"), loader, 50)
    assert 0.8 < found.accuracy < 0.95 and 0.9 < found.decision_rate < 1


def test_command_writes_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(material, "EARLY", tmp_path / "early.pt")
    monkeypatch.setattr(early_networks, "UPDATES", {"digits": 1})
    early_networks.main()
    net = material.early_network("digits")
    begun = parameters_to_vector(material.fresh(0).parameters())
    moved = (parameters_to_vector(net.parameters()) - begun).abs().max().item()
    assert 0 < moved <= 0.01 * (1 + 1e-5)  # Adam's first step: at most its rate


def test_unknown_source_is_an_error() -> None:
    with pytest.raises(ValueError, match='"mnist" or "digits", got \'fashion\''):
        material.early_network("fashion")
