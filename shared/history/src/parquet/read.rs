//! Reading what [`super::write()`] wrote. Columns that are not known are passed over, and figures that a file
//! does not have are absent: versions before and after this one wrote it.

use super::thrift::{Bytes, Value};
use super::{COLUMNS, Damaged, Kind, MAGIC};
use crate::point::{Figure, Point};

/// The points of a file, in their order.
pub(crate) fn read(file: &[u8]) -> Result<Vec<Point>, Damaged> {
    let inner = file
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.strip_suffix(MAGIC))
        .ok_or(Damaged)?;
    let (rest, length) = inner.split_last_chunk().ok_or(Damaged)?;
    let length = u32::from_le_bytes(*length) as usize;
    let begin = rest.len().checked_sub(length).ok_or(Damaged)?;
    let footer = Bytes(&rest[begin..]).fields()?;
    let rows = footer.get(3)?.size()?;
    // A row has three whole numbers at least.
    if rows > file.len() / 24 {
        return Err(Damaged);
    }
    let [group] = footer.get(4)?.list()? else {
        return Err(Damaged);
    };
    let mut points = vec![Point::new("", "", 0, 0, 0); rows];
    let mut found = 0;
    for column in group.get(1)?.list()? {
        let said = column.get(3)?;
        let [name] = said.get(3)?.list()? else {
            return Err(Damaged);
        };
        let name = name.text()?;
        if COLUMNS.iter().any(|column| column.name == name) {
            required(name, page(file, said, rows)?, &mut points)?;
            found += 1;
        } else if let Some(figure) = Figure::ALL.iter().find(|figure| figure.name() == name) {
            if said.get(1)?.int()? != Kind::Double as i64 {
                return Err(Damaged);
            }
            optional(*figure, page(file, said, rows)?, &mut points)?;
        }
    }
    if found == COLUMNS.len() {
        Ok(points)
    } else {
        Err(Damaged)
    }
}

/// The one page of a column, which holds a value for each row.
fn page<'a>(file: &'a [u8], said: &Value<'_>, rows: usize) -> Result<Bytes<'a>, Damaged> {
    let plain = said.get(4)?.int()? == 0;
    let offset = said.get(9)?.size()?;
    let mut bytes = Bytes(file.get(offset..).ok_or(Damaged)?);
    let head = bytes.fields()?;
    let size = head.get(3)?.size()?;
    let data = head.get(5)?;
    if !plain || data.get(1)?.size()? != rows || data.get(2)?.int()? != 0 {
        return Err(Damaged);
    }
    Ok(Bytes(bytes.take(size)?))
}

fn required(name: &str, mut bytes: Bytes<'_>, points: &mut [Point]) -> Result<(), Damaged> {
    for point in points {
        match name {
            "task" => point.task = text(&mut bytes)?,
            "target" => point.target = text(&mut bytes)?,
            "time" => point.time = i64::from_le_bytes(bytes.array()?),
            "seq" => point.seq = i64::from_le_bytes(bytes.array()?),
            _ => point.samples = i64::from_le_bytes(bytes.array()?),
        }
    }
    Ok(())
}

fn text(bytes: &mut Bytes<'_>) -> Result<String, Damaged> {
    let length = u32::from_le_bytes(bytes.array()?) as usize;
    let text = std::str::from_utf8(bytes.take(length)?).map_err(|_| Damaged)?;
    Ok(text.to_owned())
}

fn optional(figure: Figure, mut bytes: Bytes<'_>, points: &mut [Point]) -> Result<(), Damaged> {
    let length = u32::from_le_bytes(bytes.array()?) as usize;
    let mut levels = Bytes(bytes.take(length)?);
    let groups = points.len().div_ceil(8);
    if levels.unsigned()? != (groups as u64) << 1 | 1 {
        return Err(Damaged);
    }
    let bits = levels.take(groups)?;
    for (at, point) in points.iter_mut().enumerate() {
        if bits[at / 8] >> (at % 8) & 1 == 1 {
            let value = f64::from_le_bytes(bytes.array()?);
            point.set(figure, Some(value));
        }
    }
    Ok(())
}
