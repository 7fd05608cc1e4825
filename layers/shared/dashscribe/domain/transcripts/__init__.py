"""What people read: cues for subtitles, subtitle files, and the transcript as text."""
