"""The script that fetches files with curl, for any shell of POSIX."""

from __future__ import annotations

from typing import Final

from vo_service.packages.wish_list import WishList

_BEGIN: Final = r"""#!/bin/sh
# Fetches the files of a package into the present directory, or into the one that is given:
#
#     sh FILE.sh [DIRECTORY]
#
# Started again it goes on where it ended: files that are there and whole are not fetched again, and the
# beginning of a file (NAME.part) is used. Sizes are checked, and SHA-256 where it is known. Some files may
# need a token: it is taken from the environment variable VO_SERVICE_TOKEN and sent to the service alone. The
# exit code is 0 when all files are there, else 1. It needs curl.

set -u
failed=0 there=0 tries_most=8
token=${VO_SERVICE_TOKEN:-}

say() { printf '%s\n' "$*" >&2; }

fail() {  # name, reason
    failed=$((failed + 1))
    say "FAILED $1: $2"
}

absent() {  # identifier, reason
    failed=$((failed + 1))
    say "LEFT OUT $1: $2"
}

elsewhere() {  # identifier, reason
    say "elsewhere $1: $2"
}

bytes() {  # file; 0 where there is none
    if [ -f "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi
}

digest() {  # file; nothing where no program makes digests
    if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1" | cut -d ' ' -f 1
    elif command -v shasum >/dev/null 2>&1; then shasum -a 256 <"$1" | cut -d ' ' -f 1
    elif command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1
    fi
}

is_whole() {  # file, bytes, SHA-256
    [ -f "$1" ] || return 1
    [ -z "$2" ] || [ "$(bytes "$1")" = "$2" ] || return 1
    [ -n "$3" ] || return 0
    found=$(digest "$1")
    [ -z "$found" ] || [ "$found" = "$3" ]
}

part_of() {  # name; where its beginning lies until it is whole: by a short name where its own is too long
    name=${1##*/}
    if [ "$(printf '%s' "$name" | wc -c)" -gt 250 ]; then
        printf '%s.part' "${1%"$name"}$(printf '%s' "$name" | cksum | tr ' ' '-')"
    else
        printf '%s.part' "$1"
    fi
}

make_way() {  # name; its folders are made, and nothing is followed that leads elsewhere
    case "/$1/" in *//* | */./* | */../*) return 1 ;; esac
    at=. rest=$1
    while [ "$rest" != "${rest#*/}" ]; do
        at=$at/${rest%%/*}
        rest=${rest#*/}
        [ ! -L "$at" ] || return 1
        [ -d "$at" ] || mkdir "$at" || return 1
    done
    [ ! -L "$at/$rest" ] && [ ! -L "$(part_of "$at/$rest")" ]
}

get() {  # address, file, entity tag; prints the status of the answer
    address=$1 out=$2 tag=$3
    set -- --silent --show-error --fail --globoff --proto '=http,https' --connect-timeout 30 \
        --speed-limit 1 --speed-time 120 --write-out '%{http_code}' --output "$out" --config -
    if [ -s "$out" ]; then
        set -- "$@" --continue-at -
        [ -z "$tag" ] || set -- "$@" --header "If-Range: $tag"
    fi
    {
        # not among the arguments of a program, which all users of a machine can read
        [ -z "$token" ] || printf 'header = "Authorization: Bearer %s"\n' "$token"
    } | curl "$@" --url "$address"
}

fetch() {  # name, address, bytes, SHA-256, entity tag, why it needs a token
    if ! make_way "$1"; then
        fail "$1" 'its name, or a link in its way, leads out of the directory'
        return
    fi
    if is_whole "./$1" "$3" "$4"; then
        there=$((there + 1))
        say "is there: $1"
        return
    fi
    if [ -n "$6" ] && [ -z "$token" ]; then
        fail "$1" "$6 Put a token into the environment variable VO_SERVICE_TOKEN."
        return
    fi
    part=$(part_of "./$1") tries=0 wrong=0 trouble=
    while [ "$tries" -lt "$tries_most" ] && [ "$wrong" -lt 2 ]; do
        before=$(bytes "$part") status=200 ended=0
        if [ -n "$3" ] && [ "$before" -gt "$3" ]; then rm -f "$part"; before=0; fi
        if [ -z "$3" ] || [ "$before" -lt "$3" ] || [ ! -f "$part" ]; then
            status=$(get "$2" "$part" "$5")
            ended=$?
        fi
        after=$(bytes "$part")
        case $status in
            400 | 401 | 403 | 404 | 409 | 410 | 414 | 3??)
                fail "$1" "the service answers $status"
                return
                ;;
        esac
        trouble="the connection broke off (status $status, curl $ended)"
        if [ "$ended" -eq 0 ]; then
            [ -f "$part" ] || : >"$part"
            if is_whole "$part" "$3" "$4"; then
                mv -f "$part" "./$1" || { fail "$1" 'it cannot be renamed'; return; }
                there=$((there + 1))
                say "fetched: $1"
                return
            fi
            trouble='its bytes are not those of the file'
            rm -f "$part"
            after=0 wrong=$((wrong + 1))
        elif [ "$ended" -eq 33 ] || [ "$status" = 416 ]; then
            rm -f "$part"  # what is there is of another state of the file
            after=0
        fi
        if [ "$after" -gt "$before" ]; then tries=0; else tries=$((tries + 1)); sleep "$tries"; fi
    done
    fail "$1" "$trouble"
}

case $token in
    *[!A-Za-z0-9._~+/=-]*)
        say 'VO_SERVICE_TOKEN holds characters that no token has.'
        exit 2
        ;;
esac
command -v curl >/dev/null 2>&1 || { say 'This script needs curl.'; exit 2; }
if [ "$#" -gt 0 ]; then
    mkdir -p -- "$1" && cd -- "$1" || exit 2
fi

"""
_END: Final = r"""
say "$there files are there, $failed are not"
[ "$failed" -eq 0 ]
"""


def shell_script(wanted: WishList) -> str:
    """The script."""
    lines = [
        call("fetch", each.path, each.url, each.size, each.sha256, each.etag, each.reason)
        for each in wanted.files
    ]
    lines += [call("absent", name, reason) for name, reason in wanted.absent]
    lines += [call("elsewhere", name, reason) for name, reason in wanted.elsewhere]
    return _BEGIN + "".join(lines) + _END


def call(function: str, *arguments: str | int | None) -> str:
    """A line that calls a function with these words, whatever characters they have; None is empty. Raises
    ValueError for a word with a zero byte, which no shell can hold."""
    return " ".join((function, *("''" if each is None else quoted(str(each)) for each in arguments))) + "\n"


def quoted(text: str) -> str:
    """A word as a shell has to read it, to the letter."""
    if "\0" in text:
        raise ValueError("no word of a shell has a zero byte in it")
    return "'" + text.replace("'", "'\\''") + "'"
