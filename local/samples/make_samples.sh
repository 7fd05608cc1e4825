#!/bin/sh
# Generates the sample recordings: synthetic speech (flite) in three containers (ffmpeg). Debian: apt install flite ffmpeg
# samples.json has the text of each, the key of its upload and, for the recording with two voices, the turns and the
# parameters of its upload.
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

# Two voices take turns, half a second apart.
ffmpeg -loglevel error -y -f lavfi -i anullsrc=r=16000:cl=mono -t 0.5 -c:a pcm_s16le "$work/pause.wav"
python3 -c 'import json; [print(turn["voice"] + "\t" + turn["text"]) for s in json.load(open("samples.json")) for turn in s.get("turns", [])]' |
  while IFS="$(printf '\t')" read -r voice text; do
    number=$((${number:-0} + 1))
    flite -voice "$voice" -t "$text" -o "$work/spoken.wav"
    ffmpeg -loglevel error -y -i "$work/spoken.wav" -ac 1 -ar 16000 -c:a pcm_s16le "$work/turn-$number.wav" </dev/null
    printf 'file turn-%s.wav\nfile pause.wav\n' "$number" >> "$work/turns.txt"
  done
ffmpeg -loglevel error -y -f concat -safe 0 -i "$work/turns.txt" -c:a libmp3lame -b:a 32k interview.mp3
