from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.secrecy import MASK, has_credentials, is_secret_name, mask, secret_arguments, written_command

SECRET_NAMES = """
    WANDB_API_KEY AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SESSION_TOKEN MY_TOKEN HF_TOKEN HF_TOKEN_2 token
    RAY_AUTH_TOKEN GITHUB_TOKEN password PASSWORD DB_PASSWORD PGPASSWORD MYSQL_PWD DB_PASS passphrase credential
    X-Amz-Credential X-Amz-Signature X-Amz-Security-Token signature sig SIG apiKey APIKey api-key awsSecretAccessKey
    AWSAccessKeyId clientSecret client_secret SECRET KEY Key privateKey SSH_PRIVATE_KEY AccountKey OPENAI_APIKEY
    NPM_AUTHTOKEN REDISCLI_AUTH Authorization Proxy-Authorization AZURE_STORAGE_CONNECTION_STRING secret_value
    SignatureProvided db.password creds
"""
HARMLESS_NAMES = """
    MONKEY KEYBOARD TOKENIZER TOKENIZERS_PARALLELISM tokens max_tokens n_tokens tokenizer keypoints num_keypoints
    token_limit token_dim pad_token eosToken keys key_dim n_keys KEYS turkey whiskey secretary design signal signed
    SignedHeaders X-Amz-SignedHeaders X-Amz-Date public_key PUBLIC-KEY primaryKey sort_key NoSuchKey prng_key
    AWS_SHARED_CREDENTIALS_FILE GOOGLE_APPLICATION_CREDENTIALS RAY_AUTH_TOKEN_PATH PGPASSFILE secretName secretKeyRef
    RAY_AUTH_MODE author authority passes compass forward_pass pass bypass OMP_NUM_THREADS learning_rate seed _ 2
    SignatureDoesNotMatch
"""
HIDDEN = "h1dden-Pa55/+wd"


@pytest.mark.parametrize("name", SECRET_NAMES.split())
def test_a_name_of_a_secret_is_known(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", HARMLESS_NAMES.split())
def test_a_name_that_only_looks_like_one_is_not(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://ada:h1dden-Pa55/+wd@db:5432/runs is away", "postgres://...@db:5432/runs is away"),
        ("http://ada:h1dden-Pa55@h/x?mail=a@b.c", "http://...@h/x?mail=a@b.c"),
        ("s3://AKIA:h1dden-Pa55/+wd@bucket/runs", "s3://...@bucket/runs"),
        ("https://h1dden@github.com/ada/digits.git", "https://...@github.com/ada/digits.git"),
        ("redis://:h1dden@cache:6379", "redis://...@cache:6379"),
        ("grid.9s3://k:h1dden@b/x", "grid.9s3://...@b/x"),
        ("9s3:/k:h1dden@b/x", "9s3:/...@b/x"),
        (f"{'x' * 40}://k:h1dden@b/x", f"{'x' * 40}://...@b/x"),
        ("ray://ada:h1dden@head and http://x:h1dden@y", "ray://...@head and http://...@y"),
        ("abfs://container:h1dden@account/x", "abfs://...@account/x"),
        ("http://b/o?X-Amz-Signature=h1dden&X-Amz-Date=2026", "http://b/o?X-Amz-Signature=...&X-Amz-Date=2026"),
        ("GET /o?X-Amz-Credential=AKIA%2Fh1dden&partNumber=2", "GET /o?X-Amz-Credential=...&partNumber=2"),
        ("https://a.blob/c?sv=2024&sig=h1dden%3D", "https://a.blob/c?sv=2024&sig=..."),
        ("Authorization: Bearer h1dden", "Authorization: ..."),
        ("{'Authorization': 'Bearer h1dden', 'Accept': '*'}", "{'Authorization': '...', 'Accept': '*'}"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=h1dden, Signature=h1dden\nHost: b", "Authorization: ...\nHost: b"),
        ("Illegal header value b'Bearer h1dden'", "Illegal header value b'Bearer ...'"),
        ("token=h1dden-Pa55/+wd", "token=..."),
        ("refused (token=h1dden).", "refused (token=...)."),
        ('{"password": "h1dden Pa55", "user": "ada"}', '{"password": "...", "user": "ada"}'),
        (r'"{\"api_key\": \"h1dden\"}"', r'"{\"api_key\": \"...\"}"'),
        ("AWS_SECRET_ACCESS_KEY=h1dden WANDB_MODE=off", "AWS_SECRET_ACCESS_KEY=... WANDB_MODE=off"),
        ("curl --token h1dden --verbose", "curl --token ... --verbose"),
        ("env: MY_TOKEN: h1dden", "env: MY_TOKEN: ..."),
        ("AccountName=ada;AccountKey=h1dden==;x=1", "AccountName=ada;AccountKey=..."),
        ("<E><AWSAccessKeyId>h1dden</AWSAccessKeyId></E>", "<E><AWSAccessKeyId>...</AWSAccessKeyId></E>"),
        ("key AKIAIOSFODNN7EXAMPLE is unknown", "key ... is unknown"),
        ("login with hf_h1ddenh1ddenh1ddenh1dden", "login with ..."),
        ("-----BEGIN PRIVATE KEY-----\nh1dden\n-----END PRIVATE KEY-----\nend", "...\nend"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.h1dden", "..."),
    ],
)  # fmt: skip
def test_a_secret_in_a_text_is_masked_and_the_rest_is_kept(text, shown):
    assert mask(text) == shown
    assert "h1dden" not in mask(text)
    assert mask(shown) == shown, "masked once, masked for good"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the store cannot be reached at http://10.0.0.1:9000; check the network",
        "http://127.0.0.1:8265/a@b",
        "abfs://container@account.dfs.core.windows.net/runs",
        "ssh://git@github.com/ada/digits.git",
        "MONKEY=1 KEYBOARD=us TOKENIZERS_PARALLELISM=false max_tokens=4096 pad_token=0",
        "NoSuchKey: The specified key does not exist",
        "SignatureDoesNotMatch: The request signature does not match",
        "sweep.yaml:48: budgett: unknown key; choose one of budget, command",
        "put the token into a file and name it by RAY_AUTH_TOKEN_PATH=/home/ada/token",
        "AWS_SHARED_CREDENTIALS_FILE=/etc/keys",
        "[Errno 111] Connection refused",
    ],
)
def test_a_text_without_a_secret_comes_back_as_it_was(text):
    assert mask(text) == text


@pytest.mark.parametrize("name", SECRET_NAMES.split())
@pytest.mark.parametrize("form", ["{}={}", "{}: {}", '"{}": "{}"', "--{} {}", "<{}>{}</", "?{}={}&b=1", "'{}':'{}'"])
def test_every_name_hides_its_value_in_every_form(name, form):
    for before in ("", "x ", "{", "\n", "see "):
        assert "h1dden" not in mask(before + form.format(name, HIDDEN))


@given(st.text(st.sampled_from("ab @:/?=&'\"<>-_.\n\\KT") | st.characters(), max_size=60))
def test_masking_takes_any_text_and_masking_again_changes_nothing(text):
    shown = mask(text)
    assert mask(shown) == shown


@pytest.mark.parametrize(
    ("url", "has"),
    [
        ("http://ada:x@h:1", True),
        ("http://ada@h:1", True),
        ("s3://k:a/b@bucket", True),
        ("abfs://container@account/x", False),
        ("abfs://container:x@account/x", True),
        ("http://h:8265/a@b", False),
        ("http://@h", False),
        ("/shared/a@b", False),
    ],
)
def test_credentials_before_the_at_of_a_url(url, has):
    assert has_credentials(url) is has
    assert (MASK in mask(url)) is has


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["python", "t.py", "--api-key=h1dden", "--lr={lr}"], "python t.py --api-key=... '--lr={lr}'"),
        (["python", "t.py", "--password", "h1dden"], "python t.py --password ..."),
        (["prog", "-password", "h1dden"], "prog -password ..."),
        (["prog", "--password=h1dden two words"], "prog '--password=... two words'"),
        (["prog", "--key", "9f3h1dden"], "prog --key ..."),
        (["prog", "wandb.api_key=h1dden", "lr={lr}"], "prog wandb.api_key=... 'lr={lr}'"),
        (["prog", "+wandb.api_key=h1dden"], "prog +wandb.api_key=..."),
        (["prog", "--db=postgres://a:h1dden@db/x"], "prog --db=postgres://...@db/x"),
        (["prog", "--header=Authorization: Bearer h1dden"], "prog '--header=Authorization: ...'"),
        (["bash", "-c", "python t.py --token h1dden --lr {lr}"], "bash -c 'python t.py --token ... --lr {lr}'"),
        (["bash", "-lc", "export HF_TOKEN=h1dden; python t.py"], "bash -lc 'export HF_TOKEN=...; python t.py'"),
    ],
)
def test_a_secret_in_a_command_is_found_and_masked(arguments, shown):
    assert len(secret_arguments(arguments)) == 1
    assert written_command(arguments) == shown
    assert secret_arguments(shlex.split(shown)) == [], "masked once, masked for good"


@pytest.mark.parametrize(
    "command",
    [
        "prog --token={token} --lr {lr} {args}",
        "prog --token $HF_TOKEN",
        "prog 'wandb.api_key=${oc.env:WANDB_API_KEY}'",
        "prog --token-file=/run/token --password /run/secrets/password",
        "prog --key=val_loss --key epoch --max_tokens=100000 --pad-token=<pad>",
        "prog --auth none --pass=2 --secret false",
        "prog --password --lr 0.1",
        "prog --password",
        """python -c "key = 'loss'; token=tokens.encode(key)" """,
        "bash -c 'API_KEY=$API_KEY python t.py'",
        """prog "--note=the token: is it" "it's" """,
        "prog -c {config}",
    ],
)
def test_a_command_that_shows_none_is_left_as_it_is(command):
    arguments = shlex.split(command)
    assert secret_arguments(arguments) == []
    assert shlex.split(written_command(arguments)) == arguments


@given(st.lists(st.text(max_size=20), max_size=6))
def test_any_command_is_written_and_masked_for_good(arguments):
    shown = shlex.split(written_command(arguments))
    assert len(shown) == len(arguments)
    assert secret_arguments(shown) == []
