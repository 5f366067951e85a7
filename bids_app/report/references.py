"""The works that the methods text cites."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """One work: who, year and title, where, and its DOI (empty when it has none)."""

    text: str
    doi: str = ""


WORKS = {
    "bids": Reference(
        "Gorgolewski KJ, et al. (2016). The brain imaging data structure, a format for "
        "organizing and describing outputs of neuroimaging experiments. Scientific Data "
        "3:160044.",
        "10.1038/sdata.2016.44",
    ),
    "eegbids": Reference(
        "Pernet CR, et al. (2019). EEG-BIDS, an extension to the brain imaging data structure for "
        "electroencephalography. Scientific Data 6:103.",
        "10.1038/s41597-019-0104-8",
    ),
    "bidsapps": Reference(
        "Gorgolewski KJ, et al. (2017). BIDS Apps: improving ease of use, accessibility, and "
        "reproducibility of neuroimaging data analysis methods. PLoS Computational Biology "
        "13(3):e1005209.",
        "10.1371/journal.pcbi.1005209",
    ),
    "paper": Reference(
        "Bricman P, Borst J (2021). EEG2fMRI: cross-modal synthesis for functional neuroimaging. "
        "University of Groningen."
    ),
    "deepbet": Reference(
        "Fisch L, et al. (2024). deepbet: fast brain extraction of T1-weighted MRI using "
        "convolutional neural networks. Computers in Biology and Medicine 179:108845.",
        "10.1016/j.compbiomed.2024.108845",
    ),
    "n4": Reference(
        "Tustison NJ, et al. (2010). N4ITK: improved N3 bias correction. IEEE Transactions on "
        "Medical Imaging 29(6):1310–1320.",
        "10.1109/TMI.2010.2046908",
    ),
    "sitk": Reference(
        "Lowekamp BC, et al. (2013). The design of SimpleITK. Frontiers in Neuroinformatics 7:45.",
        "10.3389/fninf.2013.00045",
    ),
    "icbm": Reference(
        "Fonov V, et al. (2011). Unbiased average age-appropriate atlases for pediatric studies. "
        "NeuroImage 54(1):313–327.",
        "10.1016/j.neuroimage.2010.07.033",
    ),
    "templateflow": Reference(
        "Ciric R, et al. (2022). TemplateFlow: FAIR-sharing of multi-scale, multi-species brain models. "
        "Nature Methods 19:1568–1571.",
        "10.1038/s41592-022-01681-2",
    ),
    "nilearn": Reference(
        "Abraham A, et al. (2014). Machine learning for neuroimaging with scikit-learn. "
        "Frontiers in Neuroinformatics 8:14.",
        "10.3389/fninf.2014.00014",
    ),
    "lncc": Reference(
        "Avants BB, et al. (2008). Symmetric diffeomorphic image registration with "
        "cross-correlation: evaluating automated labeling of elderly and neurodegenerative "
        "brain. Medical Image Analysis 12(1):26–41.",
        "10.1016/j.media.2007.06.004",
    ),
    "hmrf": Reference(
        "Zhang Y, Brady M, Smith S (2001). Segmentation of brain MR images through a hidden "
        "Markov random field model and the expectation-maximization algorithm. IEEE Transactions "
        "on Medical Imaging 20(1):45–57.",
        "10.1109/42.906424",
    ),
    "compositional": Reference(
        "Baker S, Matthews I (2004). Lucas-Kanade 20 years on: a unifying framework. "
        "International Journal of Computer Vision 56(3):221–255.",
        "10.1023/B:VISI.0000011205.11775.fd",
    ),
    "bbr": Reference(
        "Greve DN, Fischl B (2009). Accurate and robust brain image alignment using "
        "boundary-based registration. NeuroImage 48(1):63–72.",
        "10.1016/j.neuroimage.2009.06.060",
    ),
    "fd": Reference(
        "Power JD, et al. (2012). Spurious but systematic correlations in functional "
        "connectivity MRI networks arise from subject motion. NeuroImage 59(3):2142–2154.",
        "10.1016/j.neuroimage.2011.10.018",
    ),
    "expansion": Reference(
        "Satterthwaite TD, et al. (2013). An improved framework for confound regression and "
        "filtering for control of motion artifact in the preprocessing of resting-state functional "
        "connectivity data. NeuroImage 64:240–256.",
        "10.1016/j.neuroimage.2012.08.052",
    ),
    "compcor": Reference(
        "Behzadi Y, Restom K, Liau J, Liu TT (2007). A component based noise correction method "
        "(CompCor) for BOLD and perfusion based fMRI. NeuroImage 37(1):90–101.",
        "10.1016/j.neuroimage.2007.04.042",
    ),
    "edge": Reference(
        "Patriat R, Reynolds RC, Birn RM (2017). An improved model of motion-related signal "
        "changes in fMRI. NeuroImage 144(A):74–82.",
        "10.1016/j.neuroimage.2016.08.051",
    ),
    "fmriprep": Reference(
        "Esteban O, et al. (2019). fMRIPrep: a robust preprocessing pipeline for functional MRI. "
        "Nature Methods 16:111–116.",
        "10.1038/s41592-018-0235-4",
    ),
    "mne": Reference(
        "Gramfort A, et al. (2013). MEG and EEG data analysis with MNE-Python. Frontiers in "
        "Neuroscience 7:267.",
        "10.3389/fnins.2013.00267",
    ),
    "aas": Reference(
        "Allen PJ, Josephs O, Turner R (2000). A method for removing imaging artifact from "
        "continuous EEG recorded during functional MRI. NeuroImage 12(2):230–239.",
        "10.1006/nimg.2000.0599",
    ),
    "obs": Reference(
        "Niazy RK, et al. (2005). Removal of FMRI environment artifacts from EEG data using optimal "
        "basis sets. NeuroImage 28(3):720–737.",
        "10.1016/j.neuroimage.2005.06.067",
    ),
    "loops": Reference(
        "van der Meer JN, et al. (2016). Carbon-wire loop based artifact correction outperforms "
        "post-processing EEG/fMRI corrections: a validation of a real-time simultaneous EEG/fMRI "
        "correction method. NeuroImage 125:880–894.",
        "10.1016/j.neuroimage.2015.10.064",
    ),
    "prep": Reference(
        "Bigdely-Shamlo N, et al. (2015). The PREP pipeline: standardized preprocessing for "
        "large-scale EEG analysis. Frontiers in Neuroinformatics 9:16.",
        "10.3389/fninf.2015.00016",
    ),
    "ridge": Reference(
        "Hoerl AE, Kennard RW (1970). Ridge regression: biased estimation for nonorthogonal "
        "problems. Technometrics 12(1):55–67.",
        "10.1080/00401706.1970.10488634",
    ),
    "minimumnorm": Reference(
        "Hämäläinen MS, Ilmoniemi RJ (1994). Interpreting magnetic fields of the brain: minimum "
        "norm estimates. Medical & Biological Engineering & Computing 32(1):35–42.",
        "10.1007/BF02512476",
    ),
    "torch": Reference(
        "Paszke A, et al. (2019). PyTorch: an imperative style, high-performance deep learning "
        "library. Advances in Neural Information Processing Systems 32."
    ),
    "adamw": Reference(
        "Loshchilov I, Hutter F (2019). Decoupled weight decay regularization. International "
        "Conference on Learning Representations."
    ),
    "cosine": Reference(
        "Loshchilov I, Hutter F (2017). SGDR: stochastic gradient descent with warm restarts. "
        "International Conference on Learning Representations."
    ),
    "attention": Reference(
        "Vaswani A, et al. (2017). Attention is all you need. Advances in Neural Information "
        "Processing Systems 30."
    ),
    "permutation": Reference(
        "Phipson B, Smyth GK (2010). Permutation p-values should never be zero: calculating "
        "exact p-values when permutations are randomly drawn. Statistical Applications in "
        "Genetics and Molecular Biology 9(1):39.",
        "10.2202/1544-6115.1585",
    ),
    "carpet": Reference(
        "Power JD (2017). A simple but useful way to assess fMRI scan qualities. NeuroImage "
        "154:150–158.",
        "10.1016/j.neuroimage.2016.08.009",
    ),
    "bca": Reference(
        "Efron B (1987). Better bootstrap confidence intervals. Journal of the American "
        "Statistical Association 82(397):171–185.",
        "10.1080/01621459.1987.10478410",
    ),
    "intervals": Reference(
        "Gneiting T, Raftery AE (2007). Strictly proper scoring rules, prediction, and estimation. Journal of the "
        "American Statistical Association 102(477):359–378.",
        "10.1198/016214506000001437",
    ),
    "patterns": Reference(
        "Haufe S, Meinecke F, Görgen K, Dähne S, Haynes J-D, Blankertz B, Bießmann F (2014). On the interpretation of "
        "weight vectors of linear models in multivariate neuroimaging. NeuroImage 87:96–110.",
        "10.1016/j.neuroimage.2013.10.067",
    ),
    "maximum": Reference(
        "Nichols TE, Holmes AP (2002). Nonparametric permutation tests for functional neuroimaging: a primer with "
        "examples. Human Brain Mapping 15(1):1–25.",
        "10.1002/hbm.1058",
    ),
    "fdr": Reference(
        "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate: a practical and powerful approach to "
        "multiple testing. Journal of the Royal Statistical Society B 57(1):289–300.",
        "10.1111/j.2517-6161.1995.tb02031.x",
    ),
    "phases": Reference(
        "Prichard D, Theiler J (1994). Generating surrogate data for time series with several simultaneously measured "
        "variables. Physical Review Letters 73(7):951–954.",
        "10.1103/PhysRevLett.73.951",
    ),
    "spearman": Reference(
        "Spearman C (1910). Correlation calculated from faulty data. British Journal of Psychology 3(3):271–295.",
        "10.1111/j.2044-8295.1910.tb00206.x",
    ),
}
