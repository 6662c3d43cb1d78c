"""Whether code names a hyperparameter, and whether it hands its configuration to what nobody looked at."""

from __future__ import annotations

import pytest

from orchestrator.project.mentions import hands_on, is_named


@pytest.mark.parametrize(
    "code",
    [
        "config['weight_decay']",
        "config.get('weight_decay', 0)",
        "def train(lr, weight_decay): pass",
        "f(weight_decay=1)",
        "self.weight_decay = 1",
        "import weight_decay",
        "from x import weight_decay as w",
        "global weight_decay",
        "parser.add_argument('--weight_decay')",
        "f'{name}.weight_decay'",
        "KEYS = ['lr', 'weight_decay']",
        "KEY = b'weight_decay'",
        "match c:\n    case {'weight_decay': w}: pass",
        "'''{weight_decay}'''.format(**c)",
        "def f():\n    '''lr weight_decay'''\nprint(__doc__)",
        "this is no Python: weight_decay",
    ],
)
def test_a_word_anywhere_in_the_syntax_names_it(code):
    assert is_named("weight_decay", code.encode())
    assert is_named("optimizer.weight_decay", code.encode())


@pytest.mark.parametrize(
    "code",
    [
        "",
        "# weight_decay",
        "'''A training: lr, weight_decay.'''",
        "def f():\n    '''lr, weight_decay'''",
        "config['weight_decay_rate']",
        "my_weight_decay = 1",
        "config['weight'] + config['decay']",
    ],
)
def test_comments_docstrings_and_longer_words_do_not(code):
    assert not is_named("weight_decay", code.encode())


def test_a_name_that_no_identifier_holds_is_looked_for_in_both_forms():
    assert is_named("weight-decay", b"parser.add_argument('--weight-decay')")
    assert is_named("weight-decay", b"args.weight_decay")
    assert is_named("opt/weight-decay", b"config['opt/weight-decay']")
    assert not is_named("weight-decay", b"weight - decay")


@pytest.mark.parametrize(
    "code",
    [
        "import orjson\norjson.dumps(config)",
        "import lib.deep as d\nd.fit(1, cfg)",
        "from lib import fit\nfit(config=self.config)",
        "from lib import Model\nModel().fit(hparams)",
        "from lib import fit\nfit(*given)",
        "config[name]",
        "config.get(name, 0)",
        "name in config",
        "config[f'{part}_decay']",
        "self.config[key]",
        "not Python at all",
    ],
)
def test_what_is_handed_to_libraries_or_asked_by_made_names_may_read_anything(code):
    assert hands_on(code.encode(), {"train", "mylib"}, "given")


@pytest.mark.parametrize(
    "code",
    [
        "from mylib import fit\nfit(config)",
        "from .beside import fit\nfit(config)",
        "import mylib.deep\nmylib.deep.fit(config)",
        "import torch\ntorch.optim.SGD(model.parameters(), lr=config['lr'])",
        "def fit(config): pass\nfit(config)",
        "config['lr'] = other[name]",
        "'lr' in config and config.get('lr')",
        "config[name] = 1",
    ],
)
def test_what_stays_in_the_project_does_not(code):
    assert not hands_on(code.encode(), {"train", "mylib"}, "given")
