"""What --help tells of each choice."""

from rlsuite.config.files import conf_dir
from rlsuite.config.help import fill_page, first_sentence, groups


def test_first_sentences_of_the_head(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "# @package _global_\n# Mine. Found by\n# hand, and tried twice on each of them. More. Still more\nkey: 1 # no\n"
    )
    assert first_sentence(file) == "Mine. Found by hand, and tried twice on each of them."
    file.write_text("key: 1\n# late\n")
    assert first_sentence(file) == ""


def test_own_folder_adds_choices_and_hides_none(tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "mine.yaml").write_text("# My env.\n")
    (tmp_path / "env" / "cartpole.yaml").write_text("# Not this.\n")
    found = groups([conf_dir(), tmp_path])["env"]
    assert found["mine"] == "My env."
    assert found["cartpole"].startswith("CartPole")
    assert fill_page("a $GROUPS:hardware b", [conf_dir()]).startswith("a hardware:\n  cpu ")


def test_every_choice_tells_what_it_is():
    silent = [
        f"{group}={choice}"
        for group, choices in groups([conf_dir()]).items()
        for choice, told in choices.items()
        if not told
    ]
    assert silent == []
