"""The benchmark of keys and items that differ runs, on a vocabulary too small to measure with."""

from unittest.mock import patch

from benchmarks import differences


def test_differences(random_model, capfd):
    few = {
        name: (schema, document[:2] if isinstance(document, list) else document)
        for name, (schema, document) in differences.DOCUMENTS.items()
        if "set" in name
    }
    with patch.object(differences, "DOCUMENTS", few):
        differences.main([str(random_model("llama"))])
    printed = capfd.readouterr().out
    assert "a set of 60 texts" in printed
    assert "looked through" in printed
