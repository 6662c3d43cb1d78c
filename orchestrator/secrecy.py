"""What is a secret: by the name it goes by, and inside a text that is about to be shown. The one place that says so.

Secrets reach this package although it asks for none: in a variable on a command line, in a URL, in what a store or a
server says when it refuses. What is refused and what is masked is decided here for all of them, so that the answers
agree. Of two faults the lesser is chosen each time: a harmless value masked is a nuisance, a key shown is a leak.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MASK = "..."
"""What stands where a secret stood."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WHOLE = frozenset({"secret", "secrets", "authorization", "pwd", "creds"})
"""Words that make a name that of a secret, wherever they stand in it."""
_PARTS = re.compile(
    r"password|passwd|passphrase|credential|secretkey|clientsecret|apikey|accesskey|privatekey|(auth|access|api)token"
)
"""The same also inside a word (PGPASSWORD): no other word has them in it."""
_LAST = frozenset({"key", "token", "auth", "pass", "signature", "sig"})
"""Words that do so as the last one of a name, numbers aside; `tokens` are counted, a `token_limit` is a number."""
_TRAILING = frozenset({"value", "provided"})
"""Words after the last one that change nothing; `id` is another, after a key: AWS_ACCESS_KEY_ID."""
_HARMLESS = {
    "key": frozenset(
        {
            "public",
            "primary",
            "foreign",
            "sort",
            "partition",
            "group",
            "metric",
            "report",
            "cache",
            "such",
            "rng",
            "prng",
        }
    ),
    "token": frozenset(
        {"pad", "eos", "bos", "cls", "sep", "unk", "mask", "special", "per", "next", "first", "last", "stop"}
    ),
    "pass": frozenset({"", "forward", "backward", "single", "multi", "per", "one", "two", "first", "second", "last"}),
}
"""What stands before such a word where no secret is meant: a public key, a padding token, a forward pass."""
_PLACES = frozenset({"file", "path", "dir", "directory", "folder", "passfile", "name", "ref"})
"""Last words of what says where a secret lies and holds none."""
_FILES = frozenset({"GOOGLE_APPLICATION_CREDENTIALS"})
"""Variables that hold a file's path although their name does not say so."""
_SECRET_FILES = re.compile(
    r"(?:.*/)?(?:\.env(?:\..*)?|\.netrc|\.pgpass|id_(?:rsa|dsa|ecdsa|ed25519)|[^/]*\.(?:pem|key))"
    r"|(?:.*/)?\.(?:aws|ssh|kube)/.*",
    re.DOTALL,
)
"""Paths of files that hold a secret by custom."""
_NAMED_BEFORE_AT = frozenset({"abfs", "abfss", "wasb", "wasbs", "ssh", "sftp"})
"""Schemes whose URLs have a container's or a user's name before the `@`; elsewhere it is a credential."""

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30})"  # also behind a digit, or the end of a longer word
    r"(?P<slashes>://|(?:(?<=s3)(?<![A-Za-z_]s3)|(?<=gs)(?<![A-Za-z_]gs)|(?<=abfs)(?<![A-Za-z_]abfs)):/?)"
    r"(?P<before>[^\s/?#\"'<>]*|[^\s/?#:@\"'<>]*:(?!\d+[/?#])[^\s@\"'<>]*)@"  # a key may have a slash in it
)
_ASSIGNED = re.compile(r"(?P<name>[-+~]*[A-Za-z_][\w.-]*)=(?P<value>\S*)")
_OPTION = re.compile(r"-{1,2}[A-Za-z][\w.-]*")
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*")
_HEADER = re.compile(r"(?i)authorization[\"']?\s*[:=]|bearer\s")
_REFERENCE = re.compile(r"\{[\w.]+\}|\$\{[\w:.]+\}|\$\w+")
"""What stands in an argument for something known elsewhere: a hyperparameter, a variable of the environment."""
_TELLS_NOTHING = re.compile(r"(?i:|true|false|yes|no|none|null|auto|default)|-?\d{1,4}|\.{3}|(?:~|\.{1,2})?/[\w./-]+")
"""Values that are no secret under whatever name: switches, small counts, paths, what was masked."""
_FIELD = re.compile(r"[A-Za-z_]{1,40}")
"""A value that a mere `key` may have: the name of a field."""
_BEARER = re.compile(r"\b(Bearer)\s+[^\s,;\"'<>]+")
_AUTHORIZATION = re.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*)(\"[^\"\n]*\"|'[^'\n]*'|[^\n\"']+)")
_TAGGED = re.compile(r"<([A-Za-z][\w.-]*)>[^<\n]*</")
_SAID = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]++)(?P<between>\\?[\"']?\s*[=:]\s*|(?<=\w)\s+(?=[^\s-]))"
    r"(?P<value>\\?\"[^\"\n]*\"|'[^'\n]*'|[^\s&\"'<>]*[^\s&\"'<>.,;:)\]}])"
)
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bhf_[A-Za-z0-9]{20,}"
    r"|\bsk-[A-Za-z0-9_-]{20,}|\bglpat-[\w-]{20,}|\bxox[a-z]-[\w-]{10,}|\bAIza[\w-]{30,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
)
"""Keys that are known by their form: PEM, AWS, GitHub, Hugging Face, OpenAI, GitLab, Slack, Google, JSON web tokens."""


def is_secret_name(name: str) -> bool:
    """Say whether a variable, key, field or option of this name holds a secret.

    Whole words are looked at, in snake, kebab or camel case: WANDB_API_KEY, awsSecretAccessKey and X-Amz-Signature are
    secrets; MONKEY, keypoints, max_tokens, tokenizer and what names a secret's file (AWS_SHARED_CREDENTIALS_FILE) not.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    while words and (words[-1].isdigit() or words[-1] in _TRAILING or words[-2:] == ["key", "id"]):
        words.pop()
    if not words or name in _FILES or words[-1] in _PLACES:
        return False
    if any(word in _WHOLE or _PARTS.search(word) for word in words) or words[-2:] == ["connection", "string"]:
        return True
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    return last in _LAST and before not in _HARMLESS.get(last, ())


def is_secret_file(path: str) -> bool:
    """Say whether a file of this path, with forward slashes, holds a secret by custom: `.env`, `id_rsa`, `.aws/...`."""
    return _SECRET_FILES.fullmatch(path) is not None


def has_credentials(url: str) -> bool:
    """Say whether a URL holds credentials before its `@`; a container's name (abfs://container@account) is none."""
    return any(_is_credential(found["scheme"], found["before"]) for found in _URL.finditer(url))


def is_secret_value(name: str, value: str) -> bool:
    """Say whether an option or a field of this name, with this value, shows a secret; a reference to one does not."""
    told = _REFERENCE.sub(MASK, value)
    if not is_secret_name(name) or _TELLS_NOTHING.fullmatch(told):
        return False
    return name.strip("-+~").lower() != "key" or not _FIELD.fullmatch(told)


def masked_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as it may be shown: texts under a secret's name, and what is one by its form, masked."""
    return {name: _masked(name, value) for name, value in config.items()}


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return MASK if is_secret_value(name.rpartition(".")[2], value) else mask_forms(value)
    if isinstance(value, Mapping):
        return {key: _masked(str(key) if isinstance(each, str) else name, each) for key, each in value.items()}
    return [_masked(name, each) for each in value] if isinstance(value, list | tuple) else value


def secret_arguments(arguments: Sequence[str]) -> list[int]:
    """Return the positions of what shows a secret in a command: `--api-key=VALUE`, the word after `--password`, ..."""
    return [position for position, shown in enumerate(_without_secrets(arguments)) if shown != arguments[position]]


def written_command(arguments: Sequence[str]) -> str:
    """Return a command as a person would type it, with every secret in it replaced by `MASK`."""
    return shlex.join(_without_secrets(arguments))


def mask(text: str) -> str:
    """Return the text with every secret value in it replaced by `MASK`; what has none comes back as it was.

    Looked for are credentials in URLs, query parameters, headers, assignments, options and tags of a secret's name,
    and keys that are known by their form.
    """
    text = mask_forms(text)
    text = _AUTHORIZATION.sub(lambda found: found[1] + _as_quoted(found[2]), text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _TAGGED.sub(_without_content, text)
    return _masked_values(text)


def mask_forms(text: str) -> str:
    """Return the text without what is a secret by its form alone: credentials in URLs, and keys that are known by it.

    For texts of ours, in which `key: value` is a way to write and no secret.
    """
    return _URL.sub(_without_credential, _SHAPES.sub(MASK, text))


def _without_secrets(arguments: Sequence[str]) -> Iterator[str]:
    option = ""
    for argument in arguments:
        found = _ASSIGNED.fullmatch(argument)
        if option and not argument.startswith("-") and is_secret_value(option, argument):
            yield MASK
        elif found is not None and is_secret_value(found["name"], found["value"]):
            yield f"{found['name']}={MASK}"
        elif found is not None or (option == "-c" and _PYTHON.fullmatch(arguments[0])):
            yield mask_forms(argument)  # Python's own lines hold names and values that are none
        else:
            yield _line_without_secrets(argument)
        option = argument if _OPTION.fullmatch(argument) else ""


def _line_without_secrets(argument: str) -> str:
    """Return an argument without what is a secret in it: a word, a header, or a line that a shell reads."""
    try:
        words = shlex.split(argument)
    except ValueError:
        words = []
    if len(words) > 1:
        is_secret = any(shown != word for shown, word in zip(_without_secrets(words), words, strict=True))
        return mask(argument) if is_secret or _HEADER.search(argument) else mask_forms(argument)
    return mask_forms(argument)


def _is_credential(scheme: str, before: str) -> bool:
    return bool(before) and (":" in before or scheme.lower() not in _NAMED_BEFORE_AT)


def _without_credential(found: re.Match[str]) -> str:
    is_credential = _is_credential(found["scheme"], found["before"])
    return f"{found['scheme']}{found['slashes']}{MASK}@" if is_credential else found[0]


def _without_content(found: re.Match[str]) -> str:
    return f"<{found[1]}>{MASK}</" if is_secret_name(found[1]) else found[0]


def _masked_values(text: str) -> str:
    """Mask what follows each secret's name; what follows another name is itself looked at, as a name."""
    parts: list[str] = []
    at = 0
    while (found := _SAID.search(text, at)) is not None:
        is_option = found["name"].startswith("--")
        hides = (is_option or not found["between"].isspace()) and is_secret_name(found["name"])
        end = found.end() if hides else found.start("value")
        parts.append(text[at : found.start("value")] + (_as_quoted(found["value"]) if hides else ""))
        at = end
    return "".join(parts) + text[at:]


def _as_quoted(value: str) -> str:
    """Return the mask in the quotes that the value has."""
    quote = re.match(r"\\?[\"']", value)
    return f"{quote[0]}{MASK}{quote[0]}" if quote else MASK
