use super::stamp::whole;
use super::{
    BatchWriter, Compressor, DecodeOptions, EncodedHeaders, ProducerStamp, RecordView, RecordsReader, WriteError,
};
use bytes::Bytes;

/// Splits a sealed batch that the broker finds too large into two, with half of the records each and the same producer; the
/// sequence of the second follows that of the first. `None` where it has a single record, which nothing makes smaller.
///
/// # Errors
/// `batch` is not one whole batch, or cannot be read or compressed.
pub fn split(batch: &[u8], compressor: &mut Compressor) -> Result<Option<[Vec<u8>; 2]>, WriteError> {
    let header = whole(batch)?;
    // What this process has written itself needs neither a checksum nor a limit, but for that of the format.
    let options = DecodeOptions { check_crcs: false, max_decompressed: i32::MAX as usize, ..DecodeOptions::default() };
    let mut records = Vec::new();
    RecordsReader::new().decode(Bytes::copy_from_slice(batch), &options, &mut records)?;
    let Some(records) = records.first().filter(|records| records.spans.len() > 1) else { return Ok(None) };
    let stamp = ProducerStamp {
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        transactional: header.is_transactional(),
    };
    let middle = records.spans.len() / 2;
    let mut half = |records: &mut dyn Iterator<Item = RecordView<'_>>, stamp: ProducerStamp| {
        let mut writer = BatchWriter::new(batch.len());
        for record in records {
            let headers = EncodedHeaders::new(record.headers).map_err(WriteError::NotABatch)?;
            writer
                .append(record.timestamp, record.key, record.value, headers)
                .map_err(|_| WriteError::NotABatch("it exceeds the size of a batch"))?;
        }
        writer.finish(compressor, &stamp)
    };
    let first = half(&mut records.iter().take(middle), stamp)?;
    let second = half(&mut records.iter().skip(middle), stamp.after(middle as u32))?;
    Ok(Some([first, second]))
}
