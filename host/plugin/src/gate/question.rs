//! Putting the question of a golden case to a slot, and judging the answer.

use chrono::NaiveDate;
use phagen_package::{
    Answer, GoldenCase,
    golden::{Expectation, GoldenCall},
};

use crate::{
    PluginError,
    record::{CallAnswer, Difference, Taped},
    slot::{ActiveSlot, Document},
};

/// Asks `slot` what a golden case asks: a call of its world, with the slot's own outside.
pub async fn ask_golden(
    slot: &ActiveSlot,
    call: &GoldenCall,
    as_of: NaiveDate,
) -> Result<CallAnswer, PluginError> {
    match call {
        GoldenCall::Search(call) => slot
            .search(&call.query, call.limit, call.cursor.as_deref())
            .await
            .map(Taped::taped),
        GoldenCall::Find(call) => {
            let documents: Vec<Document> = call
                .documents
                .iter()
                .map(|document| Document {
                    evidence_id: document.evidence_id.clone(),
                    passages: document.passages.clone(),
                })
                .collect();
            slot.find(as_of, call.molecule.as_ref(), &documents)
                .await
                .map(Taped::taped)
        }
        GoldenCall::Rerank(call) => slot
            .rerank(&call.query, &call.candidates)
            .await
            .map(Taped::taped),
    }
}

/// Holds an answer against its case. An error that the case does not expect is told as it is: a
/// timeout says more than a difference.
pub(super) fn judge(
    case: &GoldenCase,
    answer: &Result<CallAnswer, PluginError>,
) -> Result<(), PluginError> {
    let expects_failure = matches!(case.expect, Expectation::Failure { .. });
    let (answer, told) = match answer {
        Ok(answer) => (said(answer.clone()), None),
        Err(PluginError::Guest(failure)) => (
            Answer::Failed {
                code: failure.code.clone(),
            },
            Some(failure.to_string()),
        ),
        Err(error) => (
            Answer::Failed {
                code: error.code().to_owned(),
            },
            Some(error.to_string()),
        ),
    };
    case.judge(&answer).map_err(|what| PluginError::GoldenCase {
        case: case.name.clone(),
        what: match told.filter(|_| !expects_failure) {
            Some(told) => format!("{what}: {told}"),
            None => what,
        },
    })
}

fn said(answer: CallAnswer) -> Answer {
    match answer {
        CallAnswer::Page(page) => Answer::Found(page),
        CallAnswer::Findings(findings) => Answer::Findings(findings),
        CallAnswer::Reranked(reranked) => Answer::Ranked {
            scores: reranked.scores,
        },
    }
}

/// Equal bits, or failures of one code.
pub(super) fn agree(
    first: &Result<CallAnswer, PluginError>,
    second: &Result<CallAnswer, PluginError>,
) -> Result<(), PluginError> {
    let told = |answer: &Result<CallAnswer, PluginError>| match answer {
        Ok(_) => "an answer".to_owned(),
        Err(error) => format!("{}: {error}", error.code()),
    };
    let difference = match (first, second) {
        (Ok(first), Ok(second)) => Difference::first("answer", first, second),
        (Err(first), Err(second)) if first.code() == second.code() => None,
        _ => Some(Difference {
            path: "answer".to_owned(),
            recorded: told(first),
            replayed: told(second),
        }),
    };
    match difference {
        Some(difference) => Err(PluginError::NotDeterministic { difference }),
        None => Ok(()),
    }
}
