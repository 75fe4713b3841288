import json, random
from sacrebleu.metrics import CHRF
from rouge_score import rouge_scorer
import sacrebleu, importlib.metadata as md
random.seed(5)
base=["The quick brown fox jumps over the lazy dog.","Candidate 7 has ten years of experience in Go and Kubernetes.","","  ","naïve café — déjà vu!","a","The cat sat on the mat.","the the the the","I cannot help with that.","{\"score\": 7, \"reason\": \"good\"}","日本語のテキスト","Score: 8/10\nReason: strong background, weak leadership.","Straße Æther","one two three four five six seven eight nine ten"]
words="the candidate is a strong weak engineer with ten years of experience in go and python but lacks leadership score 7 8 reason good fit role team".split()
pairs=[(a,b) for a in base for b in base if random.random()<.35 or a==b]
for _ in range(60):
    a=[random.choice(words) for _ in range(random.randint(1,40))]
    b=[w for w in a if random.random()>.2]
    for i in range(len(b)):
        if random.random()<.15: b[i]=random.choice(words)
    pairs.append((" ".join(a)," ".join(b)))
ch=CHRF(); rs=rouge_scorer.RougeScorer(['rougeL'],use_stemmer=False)
out=[{"hypothesis":h,"reference":r,"chrf":ch.sentence_score(h,[r]).score/100,"rouge_l":rs.score(r,h)['rougeL'].fmeasure} for h,r in pairs]
json.dump({"sacrebleu":sacrebleu.__version__,"rouge_score":md.version("rouge-score"),"pairs":out},open("golden.json","w"),ensure_ascii=False,indent=0)
print(len(out), sacrebleu.__version__, md.version("rouge-score"))
