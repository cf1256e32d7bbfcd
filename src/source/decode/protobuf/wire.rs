//! Protobuf's wire format: a sequence of (field number, value).

/// How deep groups may nest in what is passed over.
const DEEPEST: usize = 64;

/// A value, by its wire type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Type 0.
    Varint(u64),
    /// Type 1.
    Fixed64(u64),
    /// Type 2.
    Bytes(&'a [u8]),
    /// Types 3 and 4: passed over.
    Group,
    /// Type 5.
    Fixed32(u32),
}

impl Value<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Varint(_) => "a varint",
            Self::Fixed64(_) => "64 bits",
            Self::Bytes(_) => "bytes with a length",
            Self::Group => "a group",
            Self::Fixed32(_) => "32 bits",
        }
    }
}

/// Why bytes are no Protobuf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("it ends within a value")]
    Short,
    #[error("a varint is longer than 64 bits")]
    Varint,
    #[error("it has a field with the impossible tag {0}")]
    Tag(u64),
    #[error("a group does not end, or ends where none began")]
    Group,
    #[error("the indexes of its message are impossible")]
    Indexes,
    #[error("it is written as {0}, which its type in the schema is not")]
    Type(&'static str),
    #[error("a text is not UTF-8")]
    NotUtf8,
}

/// Reads the values of a message.
#[derive(Debug)]
pub(super) struct Wire<'a> {
    rest: &'a [u8],
}

impl<'a> Wire<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The indexes that say which message of the file this is: a count and that many numbers, zig-zag; the count 0
    /// stands for the first message.
    pub(super) fn indexes(&mut self) -> Result<Vec<u32>, Malformed> {
        let count = self.zigzag()?;
        if count == 0 {
            return Ok(vec![0]);
        }
        // Each takes a byte at least.
        let count = usize::try_from(count).ok().filter(|count| *count <= self.rest.len());
        let count = count.ok_or(Malformed::Indexes)?;
        (0..count).map(|_| u32::try_from(self.zigzag()?).map_err(|_| Malformed::Indexes)).collect()
    }

    fn zigzag(&mut self) -> Result<i64, Malformed> {
        self.varint().map(zigzag)
    }

    /// The next field.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, kind) = self.tag()?;
        let value = match kind {
            3 => {
                self.skip_group(number)?;
                Value::Group
            }
            4 => return Err(Malformed::Group),
            kind => self.value(number, kind)?,
        };
        Ok(Some((number, value)))
    }

    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let tag = self.varint()?;
        match u32::try_from(tag >> 3) {
            Ok(number) if (1..1 << 29).contains(&number) => Ok((number, (tag & 7) as u8)),
            _ => Err(Malformed::Tag(tag)),
        }
    }

    fn value(&mut self, number: u32, kind: u8) -> Result<Value<'a>, Malformed> {
        Ok(match kind {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(*self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Short)?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(*self.array()?)),
            other => return Err(Malformed::Tag(u64::from(number) << 3 | u64::from(other))),
        })
    }

    fn skip_group(&mut self, number: u32) -> Result<(), Malformed> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let (number, kind) = self.tag()?;
            match kind {
                3 if open.len() < DEEPEST => open.push(number),
                3 => return Err(Malformed::Group),
                4 if number == innermost => {
                    open.pop();
                }
                4 => return Err(Malformed::Group),
                kind => {
                    self.value(number, kind)?;
                }
            }
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for (at, &byte) in self.rest.iter().enumerate().take(10) {
            // The tenth byte has room for one bit.
            if at == 9 && byte > 1 {
                return Err(Malformed::Varint);
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { Malformed::Short } else { Malformed::Varint })
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(bytes)
    }
}

pub(super) fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(super) fn varint(value: Value) -> Result<u64, Malformed> {
    match value {
        Value::Varint(value) => Ok(value),
        other => Err(Malformed::Type(other.name())),
    }
}

pub(super) fn fixed32(value: Value) -> Result<u32, Malformed> {
    match value {
        Value::Fixed32(value) => Ok(value),
        other => Err(Malformed::Type(other.name())),
    }
}

pub(super) fn fixed64(value: Value) -> Result<u64, Malformed> {
    match value {
        Value::Fixed64(value) => Ok(value),
        other => Err(Malformed::Type(other.name())),
    }
}

pub(super) fn bytes(value: Value<'_>) -> Result<&[u8], Malformed> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => Err(Malformed::Type(other.name())),
    }
}
