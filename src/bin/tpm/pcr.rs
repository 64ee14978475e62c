//! PCRs: what they hold, and the policy that follows from it.

use super::failure::Failure;
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;
use tss_esapi::Context;
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::structures::{PcrSelectionList, PcrSlot};
use vault_unseal::shares::tpm::{BoundPcrs, PcrBank, PcrSelection, TpmErrorKind};

/// `TPM_CC_PolicyPCR`.
const POLICY_PCR: [u8; 4] = [0, 0, 0x01, 0x7f];

/// What the selected PCRs hold now, and the policy that demands it.
pub(crate) fn read(context: &mut Context, selection: &PcrSelection) -> Result<BoundPcrs, Failure> {
    let bank = selection.bank();
    let mut values = BTreeMap::new();
    // One by one: a TPM gives eight at the most, and silently none of a bank that it does not have.
    for number in selection.numbers() {
        let (_, _, digests) = context
            .pcr_read(list(bank, [number])?)
            .map_err(|error| Failure::of_command("to read a PCR", error))?;
        let value = digests.value().first().filter(|value| value.value().len() == bank.digest_length());
        let value = value.ok_or_else(|| {
            let (word, text) = (bank.word(), format!("{}:{number}", bank.word()));
            Failure::new(
                TpmErrorKind::Failed,
                format!("the TPM has no PCR {text}: its bank {word} may be off"),
            )
        })?;
        values.insert(number, value.value().to_vec());
    }
    let policy = policy(bank, &values);
    Ok(BoundPcrs { bank, values, policy })
}

/// The digest of a policy that consists of `PolicyPCR` alone (TPM 2.0 Library, part 3, 23.7): computed here, since the TPM
/// would have to be asked in a session of its own.
pub(crate) fn policy(bank: PcrBank, values: &BTreeMap<u8, Vec<u8>>) -> [u8; 32] {
    let held: Vec<u8> = values.values().flatten().copied().collect();
    let algorithm = match bank {
        PcrBank::Sha256 => [0x00, 0x0b],
        PcrBank::Sha384 => [0x00, 0x0c],
    };
    let mut bits = [0_u8; 3];
    for number in values.keys() {
        if let Some(byte) = bits.get_mut(usize::from(number / 8)) {
            *byte |= 1 << (number % 8);
        }
    }
    // One selection, of three bytes.
    let selection = [[0, 0, 0, 1].as_slice(), &algorithm, &[3], &bits].concat();
    let policy = [[0; 32].as_slice(), &POLICY_PCR, &selection, digest(&SHA256, &held).as_ref()].concat();
    let mut value = [0; 32];
    value.iter_mut().zip(digest(&SHA256, &policy).as_ref()).for_each(|(to, from)| *to = *from);
    value
}

/// The selection as the TPM takes it.
pub(crate) fn list(
    bank: PcrBank,
    numbers: impl IntoIterator<Item = u8>,
) -> Result<PcrSelectionList, Failure> {
    let slots: Option<Vec<PcrSlot>> =
        numbers.into_iter().map(|number| PcrSlot::try_from(1_u32 << number).ok()).collect();
    let algorithm = match bank {
        PcrBank::Sha256 => HashingAlgorithm::Sha256,
        PcrBank::Sha384 => HashingAlgorithm::Sha384,
    };
    PcrSelectionList::builder()
        .with_selection(algorithm, &slots.unwrap_or_default())
        .build()
        .map_err(|error| Failure::of_command("a selection of PCRs", error))
}

/// Names what is not as it was.
pub(crate) fn changed(context: &mut Context, bound: &BoundPcrs) -> Failure {
    let now = bound.selection().map(|selection| read(context, &selection));
    let numbers: Vec<String> = match now {
        Some(Ok(now)) => {
            let differs = |number: &&u8| now.values.get(number) != bound.values.get(number);
            bound.values.keys().filter(differs).map(ToString::to_string).collect()
        }
        Some(Err(failure)) => return failure,
        None => Vec::new(),
    };
    let (noun, verb) = if numbers.len() == 1 { ("PCR", "holds") } else { ("PCRs", "hold") };
    Failure::new(
        TpmErrorKind::PcrChanged,
        format!(
            "{noun} {} ({}) no longer {verb} what was there when the shares were sealed: another firmware, kernel or \
             boot loader, or another way of booting",
            numbers.join(" and "),
            bound.bank.word()
        ),
    )
}
