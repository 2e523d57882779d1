//! Dates and timestamps as text: the proleptic Gregorian calendar, years 1 to 9999.

use alloc::vec::Vec;

/// Days of 0001-01-01.
pub const MIN_DATE: i32 = -719_162;
/// Days of 9999-12-31.
pub const MAX_DATE: i32 = 2_932_896;
/// Microseconds in a day.
pub const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// Microseconds of 0001-01-01T00:00:00Z.
pub const MIN_TIMESTAMP: i64 = MIN_DATE as i64 * DAY_MICROSECONDS;
/// Microseconds of 9999-12-31T23:59:59.999999Z.
pub const MAX_TIMESTAMP: i64 = (MAX_DATE as i64 + 1) * DAY_MICROSECONDS - 1;

/// Year, month and day of `days` since 1970-01-01, for dates in range.
pub fn civil(days: i32) -> (i32, u32, u32) {
    // Hinnant's algorithm: eras of 400 years that start in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i32::from(month <= 2), month as u32, day as u32)
}

/// Days since 1970-01-01, or `None` for a date that does not exist or is out of range.
pub fn days(year: i32, month: u32, day: u32) -> Option<i32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || day == 0 || day > length {
        return None;
    }
    let year = year - i32::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month as i32 + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day as i32 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Reads `YYYY-MM-DD`.
pub fn parse_date(text: &str) -> Option<i32> {
    date(text.as_bytes())
}

/// Reads `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, or with an offset such as `+02:00` in place of `Z`.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let date = date(bytes.get(..10)?)?;
    if !matches!(bytes.get(10)?, b'T' | b't' | b' ') {
        return None;
    }
    let time = bytes.get(11..19)?;
    if time[2] != b':' || time[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&time[..2])?, number(&time[3..5])?, number(&time[6..])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = &bytes[19..];
    let mut micros = 0;
    if rest.first() == Some(&b'.') {
        let digits = rest[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 6 {
            return None;
        }
        micros = number(&rest[1..=digits])?;
        for _ in digits..6 {
            micros *= 10;
        }
        rest = &rest[digits + 1..];
    }
    let offset_minutes = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let seconds =
        i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second) - i64::from(offset_minutes) * 60;
    let value = i64::from(date) * DAY_MICROSECONDS + seconds * 1_000_000 + i64::from(micros);
    (MIN_TIMESTAMP..=MAX_TIMESTAMP).contains(&value).then_some(value)
}

/// `YYYY-MM-DD`, for a date in range.
pub fn date_text(days: i32) -> [u8; 10] {
    let (year, month, day) = civil(days);
    let mut out = *b"0000-00-00";
    put(&mut out[..4], year as u32);
    put(&mut out[5..7], month);
    put(&mut out[8..], day);
    out
}

/// `YYYY-MM-DDTHH:MM:SSZ`, with six more digits if there is a fraction; the length that is used comes with it.
pub fn timestamp_text(micros: i64) -> ([u8; 27], usize) {
    let mut out = *b"0000-00-00T00:00:00.000000Z";
    out[..10].copy_from_slice(&date_text(micros.div_euclid(DAY_MICROSECONDS) as i32));
    let time = micros.rem_euclid(DAY_MICROSECONDS);
    let seconds = (time / 1_000_000) as u32;
    put(&mut out[11..13], seconds / 3600);
    put(&mut out[14..16], seconds / 60 % 60);
    put(&mut out[17..19], seconds % 60);
    let fraction = (time % 1_000_000) as u32;
    if fraction == 0 {
        out[19] = b'Z';
        return (out, 20);
    }
    put(&mut out[20..26], fraction);
    (out, 27)
}

/// How a file writes dates: `%Y %m %-m %d %-d %b %B %H %M %S`, `%%` and literal characters, as in C's `strftime`.
///
/// Numbers have all their digits (four for years, else two) unless `-` makes leading zeros optional. Months are
/// English, in any case. What is not named is zero; there are no time zones: timestamps are UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateFormat(Vec<FormatItem>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormatItem {
    Literal(u8),
    LongMonth,
    ShortMonth,
    /// A number: which, and whether leading zeros are optional.
    Number(Part, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

const MONTHS: [&[u8]; 12] = [
    b"january",
    b"february",
    b"march",
    b"april",
    b"may",
    b"june",
    b"july",
    b"august",
    b"september",
    b"october",
    b"november",
    b"december",
];

impl DateFormat {
    /// Reads a format, or `None` if a letter after `%` is unknown, or year, month and day are not each named once.
    pub fn new(text: &str) -> Option<Self> {
        let mut items = Vec::with_capacity(text.len());
        let mut named = [0u8; 6];
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                items.push(FormatItem::Literal(byte));
                continue;
            }
            let letter = bytes.next()?;
            let (letter, optional) = if letter == b'-' { (bytes.next()?, true) } else { (letter, false) };
            let (item, part) = match (letter, optional) {
                (b'%', false) => {
                    items.push(FormatItem::Literal(b'%'));
                    continue;
                }
                (b'b', false) => (FormatItem::ShortMonth, Part::Month),
                (b'B', false) => (FormatItem::LongMonth, Part::Month),
                (b'Y', false) => (FormatItem::Number(Part::Year, false), Part::Year),
                (b'm', _) => (FormatItem::Number(Part::Month, optional), Part::Month),
                (b'd', _) => (FormatItem::Number(Part::Day, optional), Part::Day),
                (b'H', false) => (FormatItem::Number(Part::Hour, false), Part::Hour),
                (b'M', false) => (FormatItem::Number(Part::Minute, false), Part::Minute),
                (b'S', false) => (FormatItem::Number(Part::Second, false), Part::Second),
                _ => return None,
            };
            items.push(item);
            named[part as usize] += 1;
        }
        (named[..3] == [1; 3] && named[3..].iter().all(|count| *count <= 1)).then_some(Self(items))
    }

    /// Reads a date and the microseconds of its day.
    ///
    /// # Errors
    /// If the text has another form, or there is no such day or time.
    pub fn parse(&self, text: &[u8]) -> Result<(i32, i64), DateError> {
        let mut rest = text;
        let mut parts = [0; 6];
        for item in &self.0 {
            let length = match *item {
                FormatItem::Literal(byte) => {
                    if rest.first() != Some(&byte) {
                        return Err(DateError::WrongForm);
                    }
                    1
                }
                FormatItem::Number(part, optional) => {
                    let width = if part == Part::Year { 4 } else { 2 };
                    let found = rest.iter().take(width).take_while(|byte| byte.is_ascii_digit()).count();
                    if found == 0 || (found < width && !optional) {
                        return Err(DateError::WrongForm);
                    }
                    parts[part as usize] = number(&rest[..found]).ok_or(DateError::WrongForm)?;
                    found
                }
                FormatItem::ShortMonth => month(rest, &mut parts, |name| &name[..3])?,
                FormatItem::LongMonth => month(rest, &mut parts, |name| name)?,
            };
            rest = &rest[length..];
        }
        if !rest.is_empty() {
            return Err(DateError::WrongForm);
        }
        let [year, month, day, hour, minute, second] = parts;
        let date = days(year, month as u32, day as u32).ok_or(DateError::NoSuchDate)?;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(DateError::NoSuchDate);
        }
        Ok((date, (i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)) * 1_000_000))
    }
}

/// Why a text is not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateError {
    /// The form is right, but there is no such day or time.
    NoSuchDate,
    /// Another form.
    WrongForm,
}

fn month(text: &[u8], parts: &mut [i32; 6], spelling: impl Fn(&[u8]) -> &[u8]) -> Result<usize, DateError> {
    for (index, name) in MONTHS.iter().enumerate() {
        let name = spelling(name);
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            parts[Part::Month as usize] = index as i32 + 1;
            return Ok(name.len());
        }
    }
    Err(DateError::WrongForm)
}

fn date(bytes: &[u8]) -> Option<i32> {
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..])?);
    days(year, month as u32, day as u32)
}

/// At most six ASCII digits.
fn number(digits: &[u8]) -> Option<i32> {
    digits
        .iter()
        .try_fold(0, |sum, &digit| digit.is_ascii_digit().then(|| sum * 10 + i32::from(digit - b'0')))
}

fn put(out: &mut [u8], mut value: u32) {
    for place in out.iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_day_of_the_calendar_survives_a_round_trip() {
        assert_eq!(days(1, 1, 1), Some(MIN_DATE));
        assert_eq!(days(9999, 12, 31), Some(MAX_DATE));
        assert_eq!(days(1970, 1, 1), Some(0));
        for day in MIN_DATE..=MAX_DATE {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), Some(day));
        }
        for text in
            ["2011-02-29", "2000-13-01", "2000-00-01", "0000-01-01", "2000-1-01", "1900-02-29", "2000-04-31"]
        {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_and_written() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2012-01-31T08:00:00Z", 1_327_996_800_000_000),
            ("0001-01-01T00:00:00Z", MIN_TIMESTAMP),
            ("9999-12-31T23:59:59.999999Z", MAX_TIMESTAMP),
        ] {
            assert_eq!(parse_timestamp(text), Some(micros));
            let (out, length) = timestamp_text(micros);
            assert_eq!(&out[..length], text.as_bytes());
        }
        assert_eq!(parse_timestamp("2012-01-31T10:00:00+02:00"), Some(1_327_996_800_000_000));
        assert_eq!(parse_timestamp("2012-01-31T08:00:00.5Z"), Some(1_327_996_800_500_000));
        for text in
            ["2012-01-31", "2012-01-31T24:00:00Z", "2012-01-31T08:00:60Z", "0001-01-01T00:00:00+00:01"]
        {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn formats_of_files_are_read() {
        let read = |format: &str, text: &str| DateFormat::new(format).unwrap().parse(text.as_bytes());
        let day = |text| (parse_date(text).unwrap(), 0);
        assert_eq!(read("%b %-d %Y", "Jan 1 2000"), Ok(day("2000-01-01")));
        assert_eq!(read("%b %-d %Y", "dec 31 1999"), Ok(day("1999-12-31")));
        assert_eq!(read("%Y/%m/%d", "2012/02/29"), Ok(day("2012-02-29")));
        assert_eq!(read("%d. %B %Y", "05. May 2010"), Ok(day("2010-05-05")));
        assert_eq!(read("%-m/%-d/%Y", "1/12/2010"), Ok(day("2010-01-12")));
        assert_eq!(read("%Y%m%d %H:%M:%S", "20100112 23:59:58").unwrap().1, 86_398_000_000);
        assert_eq!(read("%Y/%m/%d", "2011/02/29"), Err(DateError::NoSuchDate));
        assert_eq!(read("%Y/%m/%d %H", "2011/02/28 24"), Err(DateError::NoSuchDate));
        for text in ["2011/2/03", "2011/02/3", "2011/02/03 ", "2011-02-03", "", "211/02/03"] {
            assert_eq!(read("%Y/%m/%d", text), Err(DateError::WrongForm), "{text}");
        }
        for format in ["", "%Y", "%Y-%m-%d %Z", "%Y-%m-%d%", "%Y-%m-%d %m", "%Y-%m-%d %-H", "%Y-%b-%d %B"] {
            assert_eq!(DateFormat::new(format), None, "{format}");
        }
    }

    proptest! {
        #[test]
        fn another_library_agrees(micros in MIN_TIMESTAMP..=MAX_TIMESTAMP, offset in -1439i32..=1439) {
            let (text, length) = timestamp_text(micros);
            let text = core::str::from_utf8(&text[..length]).unwrap();
            let theirs: jiff::Timestamp = text.parse().unwrap();
            prop_assert_eq!(theirs.as_microsecond(), micros);
            let date = jiff::tz::TimeZone::UTC.to_datetime(theirs);
            let ours = civil(micros.div_euclid(DAY_MICROSECONDS) as i32);
            prop_assert_eq!(ours, (date.year().into(), date.month() as u32, date.day() as u32));
            // With an offset.
            let sign = if offset < 0 { '-' } else { '+' };
            let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
            let moved = alloc::format!("{}{sign}{hours:02}:{minutes:02}", &text[..length - 1]);
            let expected = micros - i64::from(offset) * 60_000_000;
            let expected = (MIN_TIMESTAMP..=MAX_TIMESTAMP).contains(&expected).then_some(expected);
            prop_assert_eq!(parse_timestamp(&moved), expected);
        }

        #[test]
        fn another_library_reads_the_same_dates(year in 1i32..=9999, month in 0u32..=13, day in 0u32..=32) {
            let theirs = jiff::civil::Date::new(year as i16, month as i8, day as i8).ok();
            let text = alloc::format!("{year:04}-{month:02}-{day:02}");
            let ours = parse_date(&text);
            prop_assert_eq!(ours.is_some(), theirs.is_some());
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                let epoch = jiff::civil::date(1970, 1, 1);
                prop_assert_eq!(ours, (theirs - epoch).get_days());
            }
        }
    }
}
