/** Times as people read them and as subtitle files write them. */

const pad = (number, digits = 2) => String(number).padStart(digits, "0");

/** 754000 ms as "12:34", and "1:12:34" from one hour on. */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

/** 754000 ms as "00:12:34". */
export function longClock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
}

/** 754089 ms as "00:12:34.089"; SubRip has a comma instead of the point. */
export function cueClock(ms, mark) {
  const whole = Math.max(0, Math.round(ms));
  return `${longClock(whole)}${mark}${pad(whole % 1000, 3)}`;
}

/** 754000 ms as "12 minutes 34 seconds", for screen readers. */
export function spokenClock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [
    [Math.floor(seconds / 3600), "hour"],
    [Math.floor(seconds / 60) % 60, "minute"],
    [seconds % 60, "second"],
  ].filter(([number, unit]) => number || (unit === "second" && seconds === 0));
  return parts.map(([number, unit]) => `${number} ${unit}${number === 1 ? "" : "s"}`).join(" ");
}

/** "754", "754.5", "12:34" or "1:12:34" in ms; null for anything else. */
export function readClock(text) {
  if (!/^\d+(:\d{1,2}){0,2}(\.\d+)?s?$/.test(text)) return null;
  const seconds = text.replace("s", "").split(":").reduce((total, part) => total * 60 + Number(part), 0);
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : null;
}
