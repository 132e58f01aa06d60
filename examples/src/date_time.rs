//! Times as text, in UTC: `2024-01-01 10:00:00`.

const SECOND: i64 = 1000;
const DAY: i64 = 24 * 60 * 60;
/// Days of 400 years, after which the calendar repeats itself.
const CYCLE: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01. Years that begin in March have the day that comes and goes at their end.
const EPOCH: i64 = 719_468;

/// Milliseconds since the epoch of `2024-01-01 10:00:00`; none where it is no such text.
pub fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let valid = (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    let days = valid.then(|| days(year, month, day))?;
    // A day that its month does not have is another month's.
    (date_of(days) == (year, month, day)).then_some((days * DAY + hour * 3600 + minute * 60 + second) * SECOND)
}

/// `2024-01-01 10:00:00` of milliseconds since the epoch.
pub fn format(millis: i64) -> String {
    let second = millis.div_euclid(SECOND).rem_euclid(DAY);
    format!("{} {:02}:{:02}:{:02}", date(millis), second / 3600, second / 60 % 60, second % 60)
}

/// `2024-01-01` of milliseconds since the epoch.
pub fn date(millis: i64) -> String {
    let (year, month, day) = date_of(millis.div_euclid(DAY * SECOND));
    format!("{year:04}-{month:02}-{day:02}")
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let parts = text.split(separator).map(|part| part.parse::<u32>().ok().map(i64::from));
    parts.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// Days since the epoch.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 1
        - EPOCH
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let in_cycle = days.rem_euclid(CYCLE);
    let year = (in_cycle - in_cycle / 1460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (year * 365 + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let year = days.div_euclid(CYCLE) * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01 00:00:00", 0),
            ("1969-12-31 23:59:59", -1),
            ("2000-02-29 12:00:00", 951_825_600),
            ("2024-01-01 10:00:00", 1_704_103_200),
            ("2024-02-29 23:59:59", 1_709_251_199),
            ("2024-03-01 00:00:00", 1_709_251_200),
            ("2100-02-28 00:00:00", 4_107_456_000),
        ] {
            assert_eq!(parse(text), Some(seconds * 1000), "{text}");
            assert_eq!(format(seconds * 1000), text);
        }
    }

    #[test]
    fn every_day_comes_back() {
        for day in (-800_000..800_000).step_by(37) {
            let (year, month, number) = date_of(day);
            assert_eq!(days(year, month, number), day);
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "2024-01-01", "2024-01-01T10:00:00", "2023-02-29 00:00:00", "2024-13-01 00:00:00", "a b"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("2024-01-01 24:00:00"), None);
    }
}
