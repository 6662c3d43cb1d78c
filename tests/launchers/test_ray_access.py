import pytest

from orchestrator.errors import ClusterError, UsageError
from orchestrator.launchers._jobs_api import JobsAddress, open_to_everybody, refuse_redirection
from orchestrator.launchers._ray_token import find_token


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("http://10.0.0.1:8265/", "http://10.0.0.1:8265"),
        ("10.0.0.1", "http://10.0.0.1:8265"),
        ("https://ray.example.org", "https://ray.example.org:443"),
        ("http://[::1]:8265", "http://[::1]:8265"),
        ("https://gateway.example/ray/vision/", "https://gateway.example:443/ray/vision"),
    ],
)
def test_an_address_is_read(text, meant):
    assert str(JobsAddress.parse(text)) == meant


@pytest.mark.parametrize(
    "text", ["ray://10.0.0.1:10001", "http://host/path?x=1", "http://host/a b", "http://host:none", "http://"]
)
def test_what_is_no_dashboard_is_refused(text):
    with pytest.raises(UsageError, match=r"give the address of the cluster's dashboard, e.g. http://127.0.0.1:8265"):
        JobsAddress.parse(text)


@pytest.mark.parametrize("text", ["http://ada:lovelace@host:8265", "ada:lovelace@host", "http://lovelace@host/path"])
def test_a_password_in_an_address_is_refused_and_not_repeated(text):
    with pytest.raises(UsageError, match="a password on a command line") as caught:
        JobsAddress.parse(text)
    assert "lovelace" not in str(caught.value)


@pytest.mark.parametrize("value", ["http://ada:lovelace@10.0.0.1:8265", "http://10.0.0.1/x?token=lovelace"])
def test_a_password_in_the_environments_address_is_not_repeated(value):
    with pytest.raises(UsageError, match=r"RAY_ADDRESS=http://.* is set") as caught:
        refuse_redirection(JobsAddress.parse("http://10.0.0.2:8265"), {"RAY_ADDRESS": value})
    assert "lovelace" not in str(caught.value)


def test_a_cluster_open_to_everybody_is_warned_of_here_and_refused_elsewhere():
    here, there = JobsAddress.parse("http://localhost:8265"), JobsAddress.parse("http://10.0.0.1:8265")
    assert open_to_everybody(here, insecure=False)[0].startswith("WARNING: http://localhost:8265 answers without")
    with pytest.raises(ClusterError, match="--insecure sends the sweep all the same"):
        open_to_everybody(there, insecure=False)
    assert open_to_everybody(there, insecure=True)[0].startswith("WARNING: ")


def test_the_same_address_in_the_environment_redirects_nothing():
    address = JobsAddress.parse("http://10.0.0.1:8265")
    refuse_redirection(address, {"RAY_ADDRESS": "http://10.0.0.1:8265/"})
    refuse_redirection(address, {"RAY_ADDRESS": ""})
    with pytest.raises(UsageError, match=r"RAY_ADDRESS=10.0.0.1:6379 is set, and Ray would send the sweep there"):
        refuse_redirection(address, {"RAY_ADDRESS": "10.0.0.1:6379"})


def test_a_token_is_found_where_ray_finds_it(tmp_path):
    assert find_token({}, tmp_path) is None
    (tmp_path / ".ray").mkdir()
    home = tmp_path / ".ray" / "auth_token"
    home.touch(mode=0o600)
    home.write_text("secret-of-home\n")
    token = find_token({}, tmp_path)
    assert (token.value, token.warning) == ("secret-of-home", None)
    assert "secret-of-home" not in repr(token)
    named = tmp_path / "named"
    named.write_text("secret-of-file")
    named.chmod(0o644)
    token = find_token({"RAY_AUTH_TOKEN_PATH": str(named)}, tmp_path)
    assert token.value == "secret-of-file"
    assert token.warning == f"{named} has mode 0644: others on this machine can read the token; chmod 600 {named}"
    assert find_token({"RAY_AUTH_TOKEN": "direct", "RAY_AUTH_TOKEN_PATH": str(named)}, tmp_path).value == "direct"
    assert find_token({"RAY_AUTH_MODE": "disabled"}, tmp_path) is None
    with pytest.raises(
        UsageError, match="No such file or directory; put the cluster's token into a file that only you"
    ):
        find_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}, tmp_path)


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "unit\x01", "\u00fcber", "a\u200bb"])
def test_what_no_header_carries_is_no_token_and_is_not_repeated(tmp_path, value):
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(value, encoding="utf-8")
    for environ, source in (
        ({"RAY_AUTH_TOKEN": value}, "RAY_AUTH_TOKEN"),
        ({"RAY_AUTH_TOKEN_PATH": str(file)}, str(file)),
    ):
        with pytest.raises(UsageError, match=f"{source} holds a space, a line break or another character") as caught:
            find_token(environ, tmp_path)
        assert value not in str(caught.value)
