"""The benchmarks of constrained answers run, on a model too small to measure anything with."""

import json

from benchmarks import constrained, schemas


def test_constrained_answers(random_model, capfd):
    flags = ["--threads", "1", "--slots", "2", "--rounds", "1", "--tokens", "8"]
    constrained.main([str(random_model("llama")), *flags])
    printed = capfd.readouterr().out
    for figure in ("JSON text against free text", "is compiled", "its answer of one token"):
        assert figure in printed


def test_a_collection_of_schemas(tmp_path, capfd):
    (tmp_path / "good.json").write_text(json.dumps({"type": "object", "properties": {"a": {}}}))
    (tmp_path / "rewritten.json").write_text(json.dumps({"enum": [1, 2], "not": {"const": 1}}))
    (tmp_path / "refused.json").write_text(json.dumps({"type": "string", "pattern": "(?=a)"}))
    (tmp_path / "outside.json").write_text(json.dumps({"$ref": "http://elsewhere.example/a"}))
    (tmp_path / "none.json").write_text("[1, 2]")
    schemas.main([str(tmp_path)])
    printed = capfd.readouterr().out
    assert "1 of 3" in printed
    assert "2 of 3" in printed
    assert "it looks around" in printed
