"""lrl-align/swahili-instruct: Swahili instructions and answers by Swahili speakers, and what else there is.

Read from top to bottom: the sources and where their rows may go, the filters with the reason for each number,
the splits. `lrl build swahili-instruct --sample` reads the embedded campaign in the place of the sources;
`--source campaign=DIR` is the maintainer's own campaign.
"""

from pathlib import Path

from lrl_datasets import languages
from lrl_datasets.builder import Builder
from lrl_datasets.filters.duplicates import Duplicates
from lrl_datasets.filters.echo import Echo
from lrl_datasets.filters.harm import Harm
from lrl_datasets.filters.helpfulness import Helpfulness
from lrl_datasets.filters.language_id import LanguageId
from lrl_datasets.filters.length import Length
from lrl_datasets.filters.length_ratio import LengthRatio
from lrl_datasets.filters.markup import Markup
from lrl_datasets.filters.normalise import Normalise, match_key
from lrl_datasets.filters.personal_data import PersonalData
from lrl_datasets.filters.refusals import Refusals
from lrl_datasets.filters.repetition import Repetition
from lrl_datasets.filters.script import Script
from lrl_datasets.filters.truncated import Truncated
from lrl_datasets.filters.untranslated import Untranslated
from lrl_datasets.release.splits import Splits
from lrl_datasets.sources.campaign import Campaign
from lrl_datasets.sources.hub import HubDataset
from lrl_datasets.sources.question_answer import QuestionAnswer

SWAHILI = languages.load("swh_Latn")

SOURCES = (
    # Answers by native speakers, judged by a second crowd: the heart of the dataset, and all that is held out.
    Campaign(name="campaign", may_hold_out=True, may_be_unjudged=False),
    # Dolly-15k translated to Swahili by machine and filtered by Toloka's crowd. Train only: its answers are no
    # human Swahili. The crowd's probability is theirs, over votes nobody can see, so it is kept as the source's
    # word and not as our posterior. The English side names the original: `task_id` is not Dolly's row number.
    HubDataset(
        "dolly-toloka", "ortofasfat/AAAI_Swahili_dataset", "dd0746638c9d01a33a2340ee3c97648c9f96b16b",
        files=("translated_ds.csv",),
        prompt="INPUT:instruction_tr", context="INPUT:context_tr", answer="INPUT:response_tr",
        record="task_id", score="toloka probabilities",
        originals=("INPUT:instruction_src", "INPUT:context_src"), original_key=match_key,
        original_dataset="databricks/databricks-dolly-15k",
        language=SWAHILI.code, creation_method="machine_translated",
        license="cc",
        license_note="its page says `cc` and not which; the English original, databricks-dolly-15k, is CC-BY-SA-3.0. "
                     "Unclear: leave these rows out where that matters.",
        may_hold_out=False, may_be_unjudged=True,
    ),
    # Prompts and answers by Swahili speakers, original or re-annotated. Its `test` split stays out, being an
    # evaluation set. Train only as well: public since 2024, it stands in what most models were trained on.
    HubDataset(
        "aya", "CohereLabs/aya_dataset", "f9ea04583f02a8f86404ff6c58bf75fe637df8a2",
        split="train", prompt="inputs", answer="targets", worker="user_id",
        where={"language_code": SWAHILI.codes.aya or ""},
        expected={"annotation_type": ("original-annotations", "re-annotations")},
        language=SWAHILI.code, creation_method="native", license="apache-2.0",
        may_hold_out=False, may_be_unjudged=True,
    ),
    # Questions asked in Swahili, with short answers, put into the phrasings of the language file. Its dev and test
    # are evaluation data. The conversion branch moves, so each build names the commit it was resolved to.
    QuestionAnswer(
        "afriqa", "masakhane/afriqa", "refs/convert/parquet",
        config="swa", split="train", question="question", answers="answers", record="id",
        english_question="translated_question",
        language=SWAHILI.code, license="cc-by-sa-4.0",
        license_note="CC-BY-4.0 in its repository, CC-BY-SA-4.0 on the Hub: the stricter one is given.",
        may_be_unjudged=True,
    ),
)  # fmt: skip

FILTERS = (
    Normalise(),
    PersonalData(
        regions=SWAHILI.personal_data.phone_regions,
        cues=SWAHILI.personal_data.phone_cues,
        id_cues=SWAHILI.personal_data.id_cues,
    ),
    # A request of one word asks nothing. One word answers a closed question. 1,500 words are about 4,000 tokens
    # of mT5, more than the reference fine-tune reads.
    Length(min_prompt_words=2, min_answer_words=1, max_prompt_words=1500, max_answer_words=1500),
    # The prompt again is no answer to it.
    Echo(),
    # Gopher's measures, not its numbers (.2 and .15 of a web page): steps and lists repeat a frame for good reasons.
    # At three tenths of the text a list of ten lines has three that say nothing new; a model caught in a loop is far
    # above. A fifth of "hahaha" is noise. A prompt may hold a verse, or one text twice.
    Repetition(max_lines=0.3, max_ngrams=0.3, max_characters=0.2, max_in_prompt=0.6, min_words=20),
    # A quoted verse or a name in its own script is less than three tenths of a text about it.
    Script(language=SWAHILI.code, max_share=0.3, min_letters=20),
    # Of a translated row: half of it English is a translation given up. Titles and names of under 6 words stay so.
    Untranslated(language=SWAHILI.code, max_share=0.5, min_words=6),
    # Swahili takes about as many characters as English; half or double of that is no way to say the same, beyond the
    # 30 characters by which short texts differ.
    LengthRatio(expected=1.0, factor=2.0, slack=30),
    # Thresholds and what they cost stand in the language file.
    LanguageId(language=SWAHILI.code),
    # Whoever asks wants neither; the phrases stand in the language file.
    Refusals(language=SWAHILI.code),
    # No source is named whose answers all end with a full stop: people wrote them (Dolly's too), and leave it out.
    Truncated(language=SWAHILI.code, whole_sentences=(), min_words=5),
    # One tag or bracket forgotten, or named in a text about it, is no damage; three are.
    Markup(max_unpaired=2),
    # Flags what the lists of the language file have, and refuses nothing: a text against insults quotes them.
    Harm(lists=SWAHILI.harm.lists),
    # More likely helpful than not. Where a campaign's golden tasks calibrate its posterior, `precision` could choose a
    # stricter threshold by itself; how many doubtful answers a training takes is its own choice (`weight` of a recipe).
    # The same of what a model predicts for rows that nobody judged (`--helpfulness-model`): an error there costs a
    # row of train, not more, and the card says what the model's word is worth.
    Helpfulness(minimum=0.5, minimum_predicted=0.5),
    # At .8 of word 5-shingles two texts differ in a word or two of thirty: a copy, not a second opinion.
    Duplicates(threshold=0.8, shingle=5, short_words=8),
)

BUILDER = Builder(
    repository="lrl-align/swahili-instruct",
    title="Swahili Instruct",
    language=SWAHILI.code,
    sources=SOURCES,
    filters=FILTERS,
    # A tenth each: with 150 prompts about 15 groups, with 2,000 about 200, where chrF is known to a point or two.
    splits=Splits(salt="lrl-align/swahili-instruct 1", validation=0.1, test=0.1),
    # Half the scale apart: the crowd was for one answer and against the other.
    preference_margin=0.5,
    sample=Path(__file__).parent / "samples" / "swahili",
)
