//! Writing.

use super::thrift::{Struct, unsigned};
use super::{COLUMNS, Column, Kind, MAGIC};
use crate::point::{Figure, Point};

const REQUIRED: i64 = 0;
const OPTIONAL: i64 = 1;
const PLAIN: i64 = 0;
const RLE: i64 = 3;

/// A column's page, and what the footer says of it.
struct Chunk {
    name: &'static str,
    kind: Kind,
    converted: Option<i64>,
    repetition: i64,
    values: Vec<u8>,
}

/// A file with these points, in their order.
pub(crate) fn write(points: &[Point]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    let (mut schema, mut columns) = (Vec::new(), Vec::new());
    let (rows, begin) = (points.len() as i64, file.len());
    for chunk in chunks(points) {
        let size = chunk.values.len() as i64;
        let page = Struct::default()
            .i32(1, 0)
            .i32(2, size)
            .i32(3, size)
            .one(
                5,
                Struct::default()
                    .i32(1, rows)
                    .i32(2, PLAIN)
                    .i32(3, RLE)
                    .i32(4, RLE),
            )
            .end();
        let offset = file.len() as i64;
        let size = page.len() as i64 + size;
        file.extend(page);
        file.extend(chunk.values);
        let element = Struct::default()
            .i32(1, chunk.kind as i64)
            .i32(3, chunk.repetition)
            .text(4, chunk.name);
        schema.push(match chunk.converted {
            Some(converted) => element.i32(6, converted),
            None => element,
        });
        columns.push(
            Struct::default().i64(2, offset).one(
                3,
                Struct::default()
                    .i32(1, chunk.kind as i64)
                    .i32s(2, &[PLAIN, RLE])
                    .texts(3, &[chunk.name])
                    .i32(4, 0)
                    .i64(5, rows)
                    .i64(6, size)
                    .i64(7, size)
                    .i64(9, offset),
            ),
        );
    }
    let size = (file.len() - begin) as i64;
    let root = Struct::default()
        .text(4, "point")
        .i32(5, schema.len() as i64);
    schema.insert(0, root);
    let footer = Struct::default()
        .i32(1, 1)
        .many(2, schema)
        .i64(3, rows)
        .many(
            4,
            vec![Struct::default().many(1, columns).i64(2, size).i64(3, rows)],
        )
        .text(6, "contact-manager")
        .end();
    let length = footer.len() as u32;
    file.extend(footer);
    file.extend(length.to_le_bytes());
    file.extend(MAGIC);
    file
}

fn chunks(points: &[Point]) -> impl Iterator<Item = Chunk> {
    let required = COLUMNS.iter().map(|column| Chunk {
        name: column.name,
        kind: column.kind,
        converted: column.converted,
        repetition: REQUIRED,
        values: required(column, points),
    });
    let optional = Figure::ALL.iter().map(|figure| Chunk {
        name: figure.name(),
        kind: Kind::Double,
        converted: None,
        repetition: OPTIONAL,
        values: optional(*figure, points),
    });
    required.chain(optional)
}

fn required(column: &Column, points: &[Point]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut text = |text: &str| {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    match column.name {
        "task" => points.iter().for_each(|point| text(&point.task)),
        "target" => points.iter().for_each(|point| text(&point.target)),
        name => bytes.extend(points.iter().flat_map(|point| {
            let value = match name {
                "time" => point.time,
                "seq" => point.seq,
                _ => point.samples,
            };
            value.to_le_bytes()
        })),
    }
    bytes
}

/// Which points have the figure, a bit each in one bit-packed run of the hybrid encoding; then the figures.
fn optional(figure: Figure, points: &[Point]) -> Vec<u8> {
    let mut levels = Vec::new();
    unsigned(&mut levels, (points.len().div_ceil(8) as u64) << 1 | 1);
    levels.extend(points.chunks(8).map(|eight| {
        let bit = |(at, point): (usize, &Point)| u8::from(point.get(figure).is_some()) << at;
        eight.iter().enumerate().map(bit).sum::<u8>()
    }));
    let mut bytes = (levels.len() as u32).to_le_bytes().to_vec();
    bytes.extend(levels);
    bytes.extend(
        points
            .iter()
            .filter_map(|point| point.get(figure))
            .flat_map(f64::to_le_bytes),
    );
    bytes
}
