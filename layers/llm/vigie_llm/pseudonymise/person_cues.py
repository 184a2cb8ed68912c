"""The words around a name that indicate a person: titles, roles, thanks, verbs."""

import re

from vigie_llm.text.lexicon import section, words

ROLES = section("roles")
ROLES_IF_OWNED = section("roles only if somebody's")
ROLE_TAIL = section("after a role")
NOT_NAME = section("capitalised and nobody")
GREETING = re.compile(
    r"(?:^|[\n.!?,] ?)(?:bonjour|bonsoir|salut|coucou|hello|hi|hey|dear|cher|chere|hiya|good morning|good "
    r"afternoon|good evening)(?: (?:cher|chere|there))?[ ,]{1,2}$"
)
STRONG_CUE = re.compile(
    r"(?:\b(?:merci|bravo|chapeau|felicitations)(?: (?:infiniment|beaucoup|encore|tout particulierement|"
    r"vraiment|mille fois|bien))?(?: a)?"
    r"|\b(?:remercie\w*|remerciements?|mention speciale|coup de chapeau|pouce|grace|dois tout|confiance|"
    r"parle|telephone|repondu|demande|ecrit|signale|confie|explique)(?: (?:infiniment|beaucoup|encore|"
    r"tout particulierement|vraiment))?(?: a)"
    r"|\b(?:remercier|feliciter|je remercie|saluer|joindre|demandez|demander|appeler|rappeler|contacter|"
    r"revoir|voir|vu|rencontree?|relancer?|relancee?|prevenue?|prevenir|avertie?|croisee?|interrogee?|aupres de|"
    r"remplacee? par|succede a|confiee? a|adressee? a)"
    r"|\b(?:suivi[es]*|recue?s?|accueillie?s?|traitee?s?|geree?s?|signee?s?|envoyee?s?|rappelee?s?|aidee?s?|"
    r"conseillee?s?|contactee?s?|renseignee?s?|servie?s?|demarchee?s?|ouverte?|saisie?|instruite?|transmise?|"
    r"validee?|annulee?|promis|confirmee?|repris[es]*|assiste[es]*|guidee?) par"
    r"|\b(?:avec|entre les mains de|de la part de|au nom de|du nom de|procuration (?:pour|de|a)|ainsi "
    r"que|dixit|selon|d'apres|s'appelle|s'appelait|une? certaine?|prenommee?s?|nommee?s?|appelee?|signe)"
    r"|\b(?:thanks|thank you|thx|cheers|kudos|well done|bravo|hats off|props)(?: (?:so much|again|very "
    r"much|a lot))?(?: to|,)?"
    r"|\b(?:credit|shout ?out|praise|grateful|compliments|thanks) to"
    r"|\b(?:spoke|spoken|talked|talking|speak|speaking|chatted|dealt|dealing|met|meeting|appointment|account "
    r"jointly|joint account|jointly|call|chat|on the line|on the phone|face to face|interview) (?:to|with)"
    r"|\b(?:then|and|or|also|first|later|finally|puis|et|ou|ensuite) (?:to|with|by|avec|par|a)"
    r"|\b(?:served|handled|helped|seen|advised|signed|told|promised|assured|sold|called|rung|phoned|contacted|"
    r"emailed|answered|processed|opened|looked after|interviewed|assisted) by"
    r"|\b(?:told|asked|emailed|texted|messaged|phoned|rang|contacted|visited|replaced by|succeeded by)"
    r"|\b(?:named|called|name of|first name|surname|name is|name was|name's|ask for|asked for|a certain|"
    r"on behalf of|in the name of|according to|attorney for|attorney to|met|thank|praise|see)) ?$"
)
AT_WORK = re.compile(
    r"^ ?(?:,? ?(?:du service|a l'agence|en agence|de l'agence|au guichet|du guichet|a l'accueil|de l'accueil|"
    r"du support|de "
    r"votre (?:agence|service|equipe)|de chez vous|de la (?:hotline|plateforme)|from (?:the|your|our|security|"
    r"accounts|complaints|"
    r"fraud|lending|payments|head office|customer|collections|reception)\b|"
    r"in (?:(?:the|your) )?(?:\w+ )?(?:branch|team|call cent|fraud|contact|customer serv|complaints|lending|"
    r"mortgages|collections|disputes|savings|payments|support|retentions?|accounts)\b|"
    r"at (?:the|your) (?:\w+ )?(?:branch|desk|counter|till|call|front)|on (?:the |your )?(?:live |web "
    r"|web-?|fraud |front )?(?:desk|counter|phone|chat|line|helpline|reception|messenger)|sur le (?:chat|"
    r"tchat)|au (?:chat|telephone|bout du fil|standard|service)|a la hotline))"
)
APPOSED = re.compile(
    r"^(?: [\w'\-]+){0,2}, (?:mon|ma|notre|votre|son|sa|my|our|your|his|her|the|le|la|l') ?(?:nouve(?:au|"
    r"lle) |ancienn?e? |new |former |old )?(?:conseill\w+|direct\w+|notaire|avocate?|gestionnaire|voisine?|"
    r"collegue|"
    r"fille|fils|femme|mari|epouse|epoux|soeur|frere|mere|pere|banquiere?|advis[oe]r|manager|solicitor|"
    r"wife|husband|son|daughter|brother|sister|mother|father|partner|colleague|neighbour|accountant|landlord|"
    r"cashier)\b"
)
JOIN = re.compile(r"[ ]|-|'| ?\. ?|[ ]'")
PARTICLES = section("particles")
KIN_BEFORE = re.compile(
    r"\b(?:mon|ma|mes|notre|nos|son|sa|ses|votre|vos|leur|leurs|my|our|his|her|your|their|the|un|une|le|la|"
    r"l'|cette|ce|cet|a|an|this|that|another|same|d'une?|feu|feue|late)\b"
)


CALENDAR = section("calendar")
DETERMINERS = section("determiners")
HUMAN_DEED = re.compile(
    r"^ (?:m'a|m'ont|nous a|s'est occup|a su|a pris|a resolu|a regle|a tout|helped|told|explained|said|"
    r"says|rang|phoned|promised|listened|answered|called|sorted|fixed|assured|apologi[sz]ed|advised|went "
    r"out of|took (?:the|her|his)|in the branch|"
    r"is (?:so |very |always |really )?(?:kind|rude|patient|lovely|helpful|polite|charming|hopeless|unhelpful)\b|"
    r"est (?:tres |si |toujours |vraiment )?(?:gentil|aimable|adorable|charmant|prevenant|competent|incompetent|"
    r"desagreable|"
    r"impoli|formidable|absente?\b|malade)|"
    r"(?:has|hasn't|had) (?:been|promised|told|sworn)|menace|threaten(?:s|ed)|keeps? (?:saying|telling|"
    r"promising)|shrug\w*|"
    r"at the (?:counter|desk|till|branch)|from (?:the|your)|au guichet|a l'accueil|du service|de l'agence)"
)
CONJUNCTIONS = words("que qu et mais quand lorsque puis car and but when then because since where while that if so ou")
# What banks and shops do not do: whoever does it is a person, in the lexicon or not.
PERSONAL_DEED = re.compile(
    r"^ (?:(?:a|avait|ait) (?:pris (?:sa|son|le temps|ma|mon)|souri|raccroche)|est (?:partie? (?:a|en|"
    r"sans)|en (?:conge|arret|vacances|retraite))|"
    r"s'est (?:occup|excus|demen|moqu|tromp)|(?:m'a|nous a) (?:ecoute|recue?s?|accueilli|souri|raccroche|"
    r"rassure|aide|appris)|"
    r"(?:is|was|went) (?:on (?:leave|holiday|maternity)|off sick)|retired|(?:has |had )?left the (?:branch|"
    r"bank|team)|hung up|smiled|apologi[sz]ed|shrugged|"
    r"went out of (?:her|his|their) way|kept (?:her|his) word|could not have been|couldn't have been)\b"
)
MAIDEN_NAME = re.compile(
    r"\b(?:maiden name|birth name|mother's (?:sur)?name|nom de jeune fille|nom de naissance|nee)\b[^.\n]{0,40}?"
    r"(?:[:,] ?|\b(?:is|was|it's|est|etait|c'est)\b ?:? ?)[\"']? ?$|\bnee $"
)
CALLED_BY_THE_BANK = re.compile(
    r"\b(?:m'appel(?:er|ez|le|ait|iez)|m'appellent|m'avez appelee?|me nomme[rz]?|call(?:ing|s|ed)? me|"
    r"address(?:ing|es|ed)? me as) $"
)
SIGNED = re.compile(r"\b(?:signe[es]*|signed(?: by)?|par|by|from|signature de|courrier de|letter from|repondu par) ?$")
# "Castelbajac il s'appelait", "Tyler was the name".
SO_CALLED = re.compile(
    r"^,? (?:(?:qu')?(?:il|elle) s'appel(?:le|ait)|(?:is|was) (?:the|his|her) (?:sur)?name|"
    r"(?:his|her) badge|est son (?:pre)?nom)\b"
)
# A machine that has a name: "le chat « Clara »", "your bot Ava".
BOT_BEFORE = re.compile(
    r"\b(?:chat|tchat|chatbot|bot|robot|assistante? virtuelle?|virtual assistant|avatar|ia|ai)"
    r"(?:,? (?:named|called|nomme[e]?|appele[e]?|dit[e]?))? ?[\"'(\u00ab] ?$"
)
THANKED = re.compile(r"\b(?:merci|thanks|thank you|bravo|grace)(?: a| to)? $")
QUALITY_OF = re.compile(
    r"\b(?:accueil|professionnalisme|gentillesse|patience|ecoute|travail|incompetence|amabilite|reactivite|attitude|"
    r"kindness|rudeness|professionalism|incompetence|help|advice)(?: [a-z]+)? (?:de|d'|of|from) ?$"
)
# Where a role works: "le conseiller en visio, Enguerrand, ...".
ROLE_AT = re.compile(
    rf"\b(?:{'|'.join(sorted(ROLES, key=len, reverse=True))})"
    r"(?: (?:en|de|du|des|au|aux|d'|a l'|a la|from|at|in|of|on|for) ?[a-z'\-]+"
    r"(?: [a-z'\-]+){0,2})(?:, |,? \()$"
)
PERHAPS_HUMAN = re.compile(
    r"^(?: (?:was|is|has|had|who|qui|est|etait|does|did|didn't|hasn't|gave|made|took|knows|n'a|ne )\b|'s (?:been|"
    r"number|account|card|attitude|manager|email))"
)
CAPITAL_AFTER_KIN = section("names after kinship")
WEAK_TITLES = section("weak titles")
DOTTED = section("dotted titles")
# Right after a kinship word these are verbs, not names.
NOT_AFTER_KIN = section("verbs after kinship")
