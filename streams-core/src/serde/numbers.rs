use super::{DefaultSerde, Payload, Serde, SerdeError, Written, non_null};
use std::marker::PhantomData;

/// A number that Kafka's serializers write as its big-endian bytes.
pub trait BigEndianNumber: Copy + Send + Sync + 'static {
    /// The type's name, for messages.
    const NAME: &'static str;
    /// The number's bytes, as an array.
    type Bytes: AsRef<[u8]> + for<'a> TryFrom<&'a [u8]>;
    /// To big-endian bytes.
    fn to_bytes(self) -> Self::Bytes;
    /// From big-endian bytes.
    fn from_bytes(bytes: Self::Bytes) -> Self;
}

/// A number in big-endian bytes, as Kafka's `ShortSerializer`, `IntegerSerializer`, `LongSerializer`, `FloatSerializer` and `DoubleSerializer`.
#[derive(Debug, Clone, Copy)]
pub struct NumberSerde<T>(PhantomData<T>);

impl<T> Default for NumberSerde<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: BigEndianNumber> Serde<T> for NumberSerde<T> {
    fn serialize(&self, _topic: &str, value: &T, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        out.extend_from_slice(value.to_bytes().as_ref());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<T, SerdeError> {
        let bytes = non_null(data, T::NAME)?.as_slice();
        match T::Bytes::try_from(bytes) {
            Ok(array) => Ok(T::from_bytes(array)),
            Err(_) => {
                Err(SerdeError::WrongLength { expected: T::NAME, expected_len: size_of::<T>(), actual: bytes.len() })
            }
        }
    }
}

macro_rules! big_endian_number {
    ($($number:ty),*) => {$(
        impl BigEndianNumber for $number {
            const NAME: &'static str = stringify!($number);
            type Bytes = [u8; size_of::<$number>()];

            fn to_bytes(self) -> Self::Bytes {
                self.to_be_bytes()
            }

            fn from_bytes(bytes: Self::Bytes) -> Self {
                Self::from_be_bytes(bytes)
            }
        }

        impl DefaultSerde for $number {
            type Serde = NumberSerde<$number>;
        }
    )*};
}

big_endian_number!(i16, i32, i64, f32, f64);
