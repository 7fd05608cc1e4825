#!/bin/sh
# Generates the sample recordings: synthetic speech (flite) in three containers (ffmpeg). Debian: apt install flite ffmpeg
# samples.json has the text of each and the key of its upload.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

text_of() { python3 -c 'import json, sys; print(next(s["text"] for s in json.load(open("samples.json")) if s["file"] == sys.argv[1]))' "$1"; }
speak() { flite -voice "$2" -t "$(text_of "$1")" -o "$work/$1.wav"; }

speak morning-walk.wav rms
ffmpeg -loglevel error -y -i "$work/morning-walk.wav.wav" -ac 1 -ar 16000 -c:a pcm_s16le morning-walk.wav

speak meeting.mp3 slt
ffmpeg -loglevel error -y -i "$work/meeting.mp3.wav" -ac 1 -ar 22050 -c:a libmp3lame -b:a 48k meeting.mp3

speak family.mp4 rms
ffmpeg -loglevel error -y -f lavfi -i testsrc2=size=160x120:rate=5 -i "$work/family.mp4.wav" -shortest \
  -c:v libx264 -preset veryslow -crf 40 -pix_fmt yuv420p -c:a aac -b:a 48k -ac 1 -movflags +faststart family.mp4
